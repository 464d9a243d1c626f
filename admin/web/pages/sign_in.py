"""Signing in and out, and whether we are alive."""

import secrets
from dataclasses import dataclass
from urllib.parse import urlsplit

from flask import Response, make_response, redirect, render_template, request, session, url_for
from pydantic import Field
from werkzeug.exceptions import Forbidden

from admin.access import accounts, sessions, tries
from admin.access.person import Person, Role
from admin.web import gate
from admin.web.place import Place
from admin.web.route import Taken, order, read

_LONGEST = 2000  # characters of where somebody was going: it is kept while they are away
TOO_MANY = "Too many tries. Wait a minute, then try again."


class There(Taken):
    """Where somebody was going."""

    next: str = "/"


class Credentials(There):
    """Who somebody says they are."""

    name: str = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=1024, json_schema_extra={"format": "password"})


@dataclass(frozen=True, slots=True)
class Entrance:
    """The sign-in page.

    Attributes:
        passwords: whether people may sign in with one.
        through: the OpenID provider's host; empty when there is none.
        wrong: what was wrong with the last try.
    """

    next: str
    passwords: bool
    through: str
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether pages can be made."""

    ok: bool


@read("/sign-in", "sign_in.html", needs=None, api=False)
def sign_in(place: Place, given: There, person: Person | None) -> Entrance | Response:
    """The sign-in page."""
    return led(ours(given.next)) if person is not None else _entrance(place, given.next)


@order("/sign-in", needs=None, api=False)
def enter(place: Place, given: Credentials) -> Response:
    """Begin a session, under a new name whatever the browser had before."""
    if not place.settings.admin_passwords:
        raise Forbidden("nobody signs in with a password here: use the OpenID provider")
    if not tries.may_try(place.ledger, given.name, request.remote_addr or ""):
        return refused(place, given.next, TOO_MANY, 429)
    with place.ledger.connection() as connection:
        found = accounts.sign_in(connection, given.name, given.password)
    if found is None:
        return refused(place, given.next, "The name or the password is wrong.", 401)
    return let_in(place, found, given.next)


@order("/sign-out", needs=Role.VIEWER, api=False)
def sign_out(place: Place) -> Response:
    """End the session."""
    with place.ledger.connection() as connection:
        sessions.end(connection, request.cookies.get(gate.cookie_name(place), ""))
    session.clear()
    answer = led(url_for("page.sign_in"))
    answer.delete_cookie(gate.cookie_name(place), path="/", secure=place.secure, httponly=True, samesite="Strict")
    return answer


@read("/health", "health.html", needs=None)
def health(place: Place) -> Health:
    """Whether pages can be made: PostgreSQL answers."""
    with place.ledger.connection() as connection:
        connection.execute("SELECT 1")
    return Health(ok=True)


def let_in(place: Place, person: Person, there: str) -> Response:
    """Begin a session for somebody who has proven who they are, and lead them to where they were going."""
    with place.ledger.connection() as connection:
        token = sessions.begin(connection, person, before=request.cookies.get(gate.cookie_name(place), ""))
    session.clear()
    answer = led(ours(there))
    answer.set_cookie(
        gate.cookie_name(place), token, path="/", secure=place.secure, httponly=True, samesite="Strict"
    )  # fmt: skip
    return answer


def refused(place: Place, there: str, said: str, status: int) -> Response:
    """The sign-in page once more, with what was wrong."""
    return make_response(render_template("sign_in.html", page=_entrance(place, there, said)), status)


def ours(path: str) -> str:
    """A page of ours, whatever was asked for: nobody is led away by a link to the sign-in."""
    return path if len(path) <= _LONGEST and path.startswith("/") and not path.startswith(("//", "/\\")) else "/"


def led(path: str) -> Response:
    """Lead a browser to a page of ours."""
    answer = redirect(path, 303)
    assert isinstance(answer, Response)
    return answer


def _entrance(place: Place, there: str, said: str = "") -> Entrance:
    session["form"] = session.get("form") or secrets.token_urlsafe(32)
    through = "" if place.settings.openid is None else urlsplit(place.settings.openid.issuer).netloc
    return Entrance(ours(there), place.settings.admin_passwords, through, said)
