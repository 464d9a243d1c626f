"""Makes the application: every declared route twice, for browsers and for programs, behind one gate."""

import json
from datetime import timedelta
from typing import Any

from flask import Blueprint, Flask, Response, current_app, g, render_template, request, session
from jinja2 import StrictUndefined

from admin.access import sessions
from admin.web import doors, gate, pages, shown
from admin.web.buttons import named
from admin.web.doors import ours
from admin.web.headers import guarded
from admin.web.place import Place
from admin.web.route import ROUTES, Route
from admin.web.sentences import said_of, status_of
from ledger.session import LOST

_MOST = 256 * 1024  # bytes of a form or a body
_PREFIX = "/api/v1"
_OURS = 500
_UNTYPED = {"form", "back", "next", "password"}
_BY_ENDPOINT: dict[str, Route] = {}


def make(place: Place) -> Flask:
    """The application.

    Args:
        place: what it is made of.
    """
    pages.declare()
    app = Flask(__name__, static_folder="static", static_url_path="/static")
    app.secret_key = place.key
    app.config.update(
        MAX_CONTENT_LENGTH=_MOST, MAX_FORM_MEMORY_SIZE=_MOST,
        SESSION_COOKIE_NAME="__Host-lockgate-said" if place.secure else "lockgate-said",
        SESSION_COOKIE_SECURE=place.secure, SESSION_COOKIE_HTTPONLY=True, SESSION_COOKIE_SAMESITE="Strict",
        SESSION_COOKIE_PATH="/", PERMANENT_SESSION_LIFETIME=timedelta(minutes=30), PROPAGATE_EXCEPTIONS=False,
    )  # fmt: skip
    app.jinja_env.undefined = StrictUndefined
    app.jinja_env.trim_blocks = app.jinja_env.lstrip_blocks = True
    app.jinja_env.filters.update(shown.FILTERS)
    app.before_request(lambda: gate.check(place, _BY_ENDPOINT.get(request.endpoint or "")))
    app.context_processor(lambda: _for_every_page(place))
    app.register_error_handler(Exception, _trouble)
    for name, prefix in (("page", ""), ("api", _PREFIX)):
        app.register_blueprint(_doors(name, place), url_prefix=prefix)
    app.wsgi_app = guarded(app.wsgi_app, secure=place.secure)  # type: ignore[method-assign, assignment]
    return app


def _doors(name: str, place: Place) -> Blueprint:
    made = Blueprint(name, __name__)
    for route in ROUTES:
        if name == "page" or route.api:
            door = doors.page(place, route) if name == "page" else doors.program(place, route)
            _BY_ENDPOINT[f"{name}.{route.name}"] = route
            made.add_url_rule(
                route.rule or "/", route.name, door, methods=[route.method], provide_automatic_options=False
            )
    return made


def _trouble(error: Exception) -> Any:
    """Whatever went wrong, in one sentence and under the right number; a mistake of ours is logged, and not shown."""
    status, said = status_of(error), said_of(error)
    if status >= _OURS and not isinstance(error, LOST):
        current_app.logger.error("a page failed: %s %s", request.method, request.path, exc_info=error)
    if request.path.startswith("/api/"):
        return Response(json.dumps({"error": said}), status=status, content_type="application/json")
    g.setdefault("person", None)
    return render_template("trouble.html", status=status, said=named(said), again=_here(), **_kept()), status


def _here() -> str:
    """Where a page is to be asked for again."""
    return (request.full_path if request.query_string else request.path) if request.method == "GET" else ""


def _kept() -> dict[str, Any]:
    """Of a form of ours that was not taken: where it stands, and what somebody typed, for it is on no other page."""
    if not g.get("ours") or request.path == "/sign-in":
        return {"back": "", "typed": {}}
    typed = {
        name.rpartition(".")[2]: value
        for name, value in request.form.items() if name not in _UNTYPED and value.strip()
    }  # fmt: skip
    return {"back": ours(request.form.get("back", "")), "typed": typed}


def _for_every_page(place: Place) -> dict[str, Any]:
    person = g.get("person")
    return {
        "person": person,
        "place": place,
        "flower": place.settings.flower_url,
        "form_token": _form_token(place),
        "declared": {route.name for route in ROUTES},
        "typed": {},
        "refused": "",
    }


def _form_token(place: Place) -> str:
    if g.get("person") is not None:
        return sessions.form_token(request.cookies.get(gate.cookie_name(place), ""))
    token: str = session.get("form", "")
    return token
