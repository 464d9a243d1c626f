"""Signing in through the OpenID provider: there, and back.

Every cookie of ours is strict. On the way back another site leads here, so that none comes along; the browser is asked to
come once more from ourselves, and then they do. The way there is a page that refreshes itself to the provider: our policy
lets no form lead elsewhere, not even by a redirect.
"""

from urllib.parse import urlsplit

from flask import Response, current_app, make_response, render_template, request
from werkzeug.exceptions import NotFound

from admin.access import departures, identities, tries
from admin.access.departures import Departure
from admin.access.openid.door import BACK, Door, KeptOutError, fits
from admin.access.openid.refused import LiedError, OpenIdError, StrayError
from admin.access.person import Person
from admin.web import gate
from admin.web.pages.sign_in import TOO_MANY, There, let_in, ours, refused
from admin.web.place import Place
from admin.web.route import order, read
from ledger import audit
from ledger.audit import Order


@order("/sign-in/openid", needs=None, api=False)
def leave(place: Place, given: There) -> Response:
    """Lead somebody to the OpenID provider."""
    door, leaving = _door(place), departures.fresh()
    # Counted for the address alone: it is the provider's to count how often somebody tries to be whom.
    if not tries.may_try(place.ledger, leaving.state, request.remote_addr or ""):
        return refused(place, given.next, TOO_MANY, 429)
    try:
        there = door.there(leaving)
    except OpenIdError as error:
        return _turned_away(place, error, given.next)
    with place.ledger.connection() as connection:
        departures.begin(connection, leaving, ours(given.next))
    answer = make_response(render_template("leave.html", there=there, host=urlsplit(there).netloc))
    answer.headers["Refresh"] = f"0; url={there}"
    answer.set_cookie(
        _cookie(place), leaving.token, max_age=departures.LIFE, path="/", secure=place.secure, httponly=True,
        samesite="Strict",
    )  # fmt: skip
    return answer


@read(BACK, "", needs=None, api=False)
def come_back(place: Place) -> Response:
    """Let somebody in whom the OpenID provider has named."""
    door = _door(place)
    if gate.from_elsewhere():
        return gate.once_more()
    leaving = Departure(request.cookies.get(_cookie(place), ""))
    there = "/"
    try:
        there = _used_up(place, leaving)
        answer = let_in(place, _named(place, door, leaving), there)
    except OpenIdError as error:
        answer = _turned_away(place, error, there)
    answer.delete_cookie(_cookie(place), path="/", secure=place.secure, httponly=True, samesite="Strict")
    return answer


def _used_up(place: Place, leaving: Departure) -> str:
    """Where they were going, this once."""
    if leaving.token and fits(leaving, request.args.get("state", "")):
        with place.ledger.connection() as connection:
            there = departures.take(connection, leaving)
        if there is not None:
            return there
    raise StrayError(
        "This sign-in was not begun in this browser, took more than ten minutes, or is over already: sign in again."
    )


def _named(place: Place, door: Door, leaving: Departure) -> Person:
    try:
        return identities.came(place.ledger, door.back(leaving, request.args))
    except KeptOutError as error:
        identities.kept_out(
            place.ledger, door.given.issuer, subject=error.subject, name=error.name, because=error.said
        )  # fmt: skip
        raise
    except LiedError as error:
        with place.ledger.transaction() as connection:
            audit.note(
                connection, Order("nobody", error.said), "sign-in refused", door.given.issuer,
                before={}, after={"address": request.remote_addr or ""},
            )  # fmt: skip
        raise


def _turned_away(place: Place, error: OpenIdError, there: str) -> Response:
    current_app.logger.warning("nobody was signed in: %s", error.said)
    return refused(place, there, error.said, error.status)


def _door(place: Place) -> Door:
    if place.door is None:
        raise NotFound
    return place.door


def _cookie(place: Place) -> str:
    return "__Host-lockgate-away" if place.secure else "lockgate-away"
