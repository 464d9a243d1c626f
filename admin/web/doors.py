"""The doors of a route: what a browser sends and sees, and what a program does, around one function."""

import inspect
from collections.abc import Callable
from functools import cache
from typing import Any

from flask import Response, flash, g, redirect, render_template, request
from pydantic import TypeAdapter, ValidationError
from werkzeug.datastructures import MultiDict
from werkzeug.exceptions import BadRequest, UnsupportedMediaType

from admin.web.buttons import named
from admin.web.place import Place
from admin.web.route import ROUTES, Done, Route, Taken
from admin.web.sentences import said_of
from config.errors import ConfigError
from operations.errors import NotAllowedError

_REFUSED = 422


def page(place: Place, route: Route) -> Callable[..., Any]:
    """For browsers: a page, or a form that leads to one."""

    def shown(**parts: Any) -> Any:
        found = _called(place, route, parts, _fields(route, request.args))
        if isinstance(found, Response):
            return found
        if not route.template:
            return _json(found, route.gives)
        return render_template(route.template, page=found, route=route)

    def ordered(**parts: Any) -> Any:
        fields = _fields(route, request.form)
        fields.pop("form", None)
        back = fields.pop("back", "")
        try:
            done = _called(place, route, parts, fields)
        except (NotAllowedError, ConfigError, ValidationError) as error:
            if not ours(back):
                raise
            if route.again:
                return _again(place, route, parts, named(said_of(error)))
            flash(_with_reason(named(said_of(error)), fields.get("because", "")), "refused")
            return redirect(back, 303)
        return done if isinstance(done, Response) else _after(done, route)

    return shown if route.method == "GET" else ordered


def ours(path: str) -> str:
    """A page of ours, or nothing."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else ""


def _again(place: Place, route: Route, parts: dict[str, Any], said: str) -> Any:
    """The page of a form that was refused, with what was typed still in it."""
    shown = next(each for each in ROUTES if each.name == route.again)
    found = _called(place, shown, parts, {})
    return render_template(shown.template, page=found, route=shown, typed=request.form, refused=said), _REFUSED


def _with_reason(said: str, because: str) -> str:
    """The reason that was typed is told back: the form is empty again."""
    return f"{said.rstrip('.')}. You had written: {because}" if because else said


def _after(done: Done, route: Route) -> Any:
    if done.once:
        return render_template(done.once, page=done.value, route=route, to=done.to)
    flash(done.said, done.kind)
    return redirect(done.to, 303)


def program(place: Place, route: Route) -> Callable[..., Any]:
    """For programs: JSON in and out."""

    def answer(**parts: Any) -> Any:
        reads = route.method == "GET"
        found = _called(place, route, parts, _fields(route, request.args) if reads else _body())
        if isinstance(found, Response):
            return found
        if reads:
            return _json(found, route.gives)
        return _json({"said": found.said, "value": found.value}, dict[str, Any])

    return answer


def _called(place: Place, route: Route, parts: dict[str, Any], fields: dict[str, Any]) -> Any:
    """The function behind a route, given what it asks for by name."""
    offered: dict[str, Any] = {"place": place, "person": g.person, **parts}
    if route.takes is not None:
        offered["given"] = _taken(route.takes, fields)
    return route.view(**{name: offered[name] for name in inspect.signature(route.view).parameters})


def _taken(model: type[Taken], fields: dict[str, Any]) -> Taken:
    return model.model_validate({name: value for name, value in fields.items() if value not in ("", None)})


def _fields(route: Route, sent: MultiDict[str, str]) -> dict[str, Any]:
    """What a query or a form holds: lists where the model wants lists, `name.part` where it wants names and values."""
    model = (
        {} if route.takes is None else {name: str(field.annotation) for name, field in route.takes.model_fields.items()}
    )
    found: dict[str, Any] = {}
    for name in sent:
        whole, _, part = name.partition(".")
        if part and "dict" in model.get(whole, ""):
            found.setdefault(whole, {})[part] = sent[name]
        else:
            found[name] = sent.getlist(name) if "list" in model.get(name, "") else sent[name]
    return found


def _body() -> dict[str, Any]:
    """A program says that it sends JSON: a form on somebody's page cannot."""
    if request.mimetype != "application/json":
        raise UnsupportedMediaType("send JSON, with Content-Type: application/json")
    found = request.get_json()
    if not isinstance(found, dict):
        raise BadRequest("send one JSON object")
    return found


def _json(value: Any, kind: Any, status: int = 200) -> Response:
    body = _adapter(kind if kind is not None else Any).dump_json(value, fallback=str)
    return Response(body, status=status, content_type="application/json")


@cache
def _adapter(kind: Any) -> TypeAdapter[Any]:
    """One for each type that a route gives: making one takes longer than most pages."""
    return TypeAdapter(kind)
