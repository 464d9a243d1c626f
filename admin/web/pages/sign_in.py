"""Signing in and out, and whether we are alive."""

import secrets
from dataclasses import dataclass

from flask import Response, make_response, redirect, render_template, request, session, url_for
from pydantic import Field

from admin.access import accounts, sessions, tries
from admin.access.person import Person, Role
from admin.web import gate
from admin.web.place import Place
from admin.web.route import Taken, order, read


class There(Taken):
    """Where somebody was going."""

    next: str = "/"


class Credentials(There):
    """Who somebody says they are."""

    name: str = Field(min_length=1, max_length=64)
    password: str = Field(min_length=1, max_length=1024, json_schema_extra={"format": "password"})


@dataclass(frozen=True, slots=True)
class Door:
    """The sign-in page, and what was wrong with the last try."""

    next: str
    wrong: str = ""


@dataclass(frozen=True, slots=True)
class Health:
    """Whether pages can be made."""

    ok: bool


@read("/sign-in", "sign_in.html", needs=None, api=False)
def sign_in(given: There, person: Person | None) -> Door | Response:
    """The sign-in page."""
    if person is not None:
        return _redirect(_ours(given.next))
    session["form"] = session.get("form") or secrets.token_urlsafe(32)
    return Door(_ours(given.next))


@order("/sign-in", needs=None, api=False)
def enter(place: Place, given: Credentials) -> Response:
    """Begin a session, under a new name whatever the browser had before."""
    address = request.remote_addr or ""
    if not tries.may_try(place.ledger, given.name, address):
        return _refused(given, "Too many tries. Wait a minute, then try again.", 429)
    with place.ledger.connection() as connection:
        found = accounts.sign_in(connection, given.name, given.password)
        if found is None or found.account is None:
            return _refused(given, "The name or the password is wrong.", 401)
        before = request.cookies.get(gate.cookie_name(place))
        if before:
            sessions.end(connection, before)
        token = sessions.begin(connection, found.account)
    session.clear()
    answer = _redirect(_ours(given.next))
    answer.set_cookie(
        gate.cookie_name(place), token, path="/", secure=place.secure, httponly=True, samesite="Strict"
    )  # fmt: skip
    return answer


@order("/sign-out", needs=Role.VIEWER, api=False)
def sign_out(place: Place) -> Response:
    """End the session."""
    with place.ledger.connection() as connection:
        sessions.end(connection, request.cookies.get(gate.cookie_name(place), ""))
    session.clear()
    answer = _redirect(url_for("page.sign_in"))
    answer.delete_cookie(gate.cookie_name(place), path="/", secure=place.secure, httponly=True, samesite="Strict")
    return answer


@read("/health", "health.html", needs=None)
def health(place: Place) -> Health:
    """Whether pages can be made: PostgreSQL answers."""
    with place.ledger.connection() as connection:
        connection.execute("SELECT 1")
    return Health(ok=True)


def _refused(given: Credentials, said: str, status: int) -> Response:
    return make_response(render_template("sign_in.html", page=Door(_ours(given.next), said)), status)


def _ours(path: str) -> str:
    """A page of ours, whatever was asked for: nobody is led away by a link to the sign-in."""
    return path if path.startswith("/") and not path.startswith(("//", "/\\")) else "/"


def _redirect(path: str) -> Response:
    answer = redirect(path, 303)
    assert isinstance(answer, Response)
    return answer
