"""Who asks, and may they: one gate in front of every page, order and program.

A browser is known by its session, a program by its token; neither works at the other's door, so that no page of somebody
else's can make a browser use the JSON interface. Whatever changes something comes from a page of ours and carries its token.
"""

from flask import Response, g, redirect, request, session, url_for
from werkzeug.exceptions import Forbidden, HTTPException, NotFound, Unauthorized

from admin.access import sessions, tokens
from admin.access.person import Person
from admin.web.place import Place
from admin.web.route import Route

_BEARER = "Bearer "


class MisdirectedError(HTTPException):
    """The host that was asked for is not ours: a name that somebody else points here."""

    code = 421


def cookie_name(place: Place) -> str:
    """Over TLS no other host and no plain page can set a cookie of this name."""
    return "__Host-lockgate" if place.secure else "lockgate"


def check(place: Place, route: Route | None) -> Response | None:
    """Let a request through, or answer it here.

    Raises:
        HTTPException: it may not pass.
    """
    g.person = None
    if route is None or route.name == "health":  # files of ours, and what asks whether we are alive
        return None
    if request.host != place.host:
        raise MisdirectedError(f"this is the admin of {place.origin}: open it there, or set LOCKGATE_ADMIN_URL")
    if request.path.startswith("/api/"):
        g.person = _program(place)
        _may(route)
        return None
    token = request.cookies.get(cookie_name(place), "")
    g.person = _browser(place, token)
    if route.method == "POST":
        _from_our_page(place)
        g.ours = True
        if route.needs is None or g.person is not None:
            _of_this_session(token)
    if route.needs is not None and g.person is None:
        return _to_the_door(route)
    _may(route)
    return None


def _may(route: Route) -> None:
    person: Person | None = g.person
    if route.needs is None:
        return
    if person is None:
        raise Unauthorized(
            "say who you are: send a token made by `lockgate admin token add`, as Authorization: Bearer …"
        )
    if not person.may(route.needs):
        raise Forbidden(f"{person.name} is {person.role}, and this needs {route.needs}")
    if route.everywhere and not person.everywhere:
        raise Forbidden(f"{person.name} may see some tenants only, and this concerns all of them")


def _program(place: Place) -> Person | None:
    said = request.headers.get("Authorization", "")
    if not said.startswith(_BEARER):
        return None
    with place.ledger.connection() as connection:
        return tokens.who(connection, said.removeprefix(_BEARER).strip())


def _browser(place: Place, token: str) -> Person | None:
    """Pages that refresh themselves keep nobody signed in who has left."""
    if not token:
        return None
    with place.ledger.connection() as connection:
        return sessions.who(
            connection, token, noted="X-Live" not in request.headers, passwords=place.settings.admin_passwords,
            issuer=None if place.settings.openid is None else place.settings.openid.issuer,
        )  # fmt: skip


def _to_the_door(route: Route) -> Response:
    if route.method == "POST":
        raise Unauthorized("your session has ended, and nothing was changed: sign in, and do it again")
    if "X-Live" in request.headers:
        raise Unauthorized("your session has ended")
    if from_elsewhere():
        return once_more()
    there = request.full_path if request.query_string else request.path
    answer = redirect(url_for("page.sign_in", next=there), 303)
    assert isinstance(answer, Response)
    return answer


def from_elsewhere() -> bool:
    """Whether another site led here, so that no cookie of ours came along: all of them are strict."""
    return request.headers.get("Sec-Fetch-Site") == "cross-site"


def once_more() -> Response:
    """Let the browser come once more, from ourselves: then its cookies come, too."""
    return Response(status=200, headers={"Refresh": "0", "Content-Type": "text/plain; charset=utf-8"})


def _from_our_page(place: Place) -> None:
    origin, site = request.headers.get("Origin"), request.headers.get("Sec-Fetch-Site")
    if origin is None and site is None:
        raise Forbidden("this form was not sent by a page of ours: the browser does not say where it comes from")
    if origin not in {None, place.origin} or site not in {None, "same-origin"}:
        raise Forbidden("this form was not sent by a page of ours")


def _of_this_session(token: str) -> None:
    expected = sessions.form_token(token) if g.person is not None else session.get("form", "")
    if not expected or not sessions.same(expected, request.form.get("form", "")):
        raise Forbidden(
            "this form is of another session, and nothing was changed: open the page again, and send it from there"
        )


def known() -> Person:
    """Who asks, in what only somebody known may ask."""
    person: Person | None = g.person
    if person is None:
        raise NotFound
    return person
