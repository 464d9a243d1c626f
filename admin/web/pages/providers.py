"""Providers: how the way to each stands, and to hold it back, slow it down or let it flow by hand."""

from dataclasses import dataclass
from datetime import UTC
from typing import Literal

from flask import url_for
from pydantic import Field
from werkzeug.exceptions import NotFound

from admin import steer
from admin.access.person import Person, Role
from admin.web.pages.overview import Card, cards
from admin.web.place import Place
from admin.web.route import Done, Reason, order, read
from ledger import breakers
from ledger.audit import Order
from ledger.breakers import Move

_SAID = {
    "open": "the breaker of {} is held open: nothing is sent",
    "closed": "the breaker of {} is held closed: calls are made whatever they say",
    "": "the breaker of {} judges by itself again",
}


class Hold(Reason):
    """How a breaker is held; `release` lets it judge by itself."""

    how: Literal["open", "closed", "release"]


class Paused(Reason):
    """What is paused or let flow; all of the provider's work where nothing more is said."""

    tenant: str | None = Field(None, max_length=64)
    kind: str | None = Field(None, max_length=200)


class Lower(Paused):
    """What is lowered, to how many calls in which window, and for how long."""

    calls: int = Field(ge=1, le=1_000_000, description="Calls in any window, all that it holds for together.")
    per: float = Field(1.0, gt=0, lt=3600, description="The window; seconds.")
    hours: float = Field(gt=0, le=steer.LONGEST / 3600, description="It ends by itself after so many hours.")


@dataclass(frozen=True, slots=True)
class Provider:
    """One provider, with its breaker's last moves."""

    card: Card
    moves: list[Move]
    kinds: list[str]


@read("/providers/<name>", "provider.html", needs=Role.VIEWER)
def provider(place: Place, person: Person, name: str) -> Provider:
    """How the way to one provider stands."""
    found = _named(place, name)
    (card,) = cards(place, person, [found])
    with place.ledger.connection() as connection:
        moved = breakers.moves(connection, found)
    return Provider(card, moved, sorted(kind for kind in place.registry.kinds if kind.startswith(f"{found}.")))


@order("/providers/<name>/breaker", needs=Role.OPERATOR, everywhere=True)
def hold_breaker(place: Place, person: Person, name: str, given: Hold) -> Done:
    """Hold a breaker open or closed, or let it judge by itself."""
    found, how = _named(place, name), _how(given)
    told = steer.hold(place, found, how, Order(person.name, given.because))
    return _done(found, _SAID[how].format(found) + _late(told=told), {"held": how})


@order("/providers/<name>/pause", needs=Role.OPERATOR, everywhere=True)
def pause_provider(place: Place, person: Person, name: str, given: Paused) -> Done:
    """Hold work back: calls under way end, no other begins, and deadlines wait meanwhile."""
    what = steer.scope(place, _named(place, name), given.tenant, given.kind)
    steer.pause(place, what, Order(person.name, given.because))
    return _done(what.provider, f"{what} is paused", {"paused": True, "tenant": what.tenant, "kind": what.kind})


@order("/providers/<name>/resume", needs=Role.OPERATOR, everywhere=True)
def resume_provider(place: Place, person: Person, name: str, given: Paused) -> Done:
    """Lift pauses; the time that was paused does not count."""
    what = steer.scope(place, _named(place, name), given.tenant, given.kind)
    lifted = steer.resume(place, what, Order(person.name, given.because))
    return _done(what.provider, f"{lifted} pause{'s' if lifted > 1 else ''} of {what} lifted", {"lifted": lifted})


@order("/providers/<name>/lower", needs=Role.OPERATOR, everywhere=True)
def lower_limit(place: Place, person: Person, name: str, given: Lower) -> Done:
    """Lower what may be sent for a while; the limits of the provider's file hold beside it."""
    what = steer.scope(place, _named(place, name), given.tenant, given.kind)
    pace = steer.Pace(given.calls, given.per, given.hours * 3600.0)
    ends_at, told = steer.lower(place, what, pace, Order(person.name, given.because))
    said = (
        f"{what} is lowered to {given.calls} in {given.per:g} s until {ends_at.astimezone(UTC):%Y-%m-%d %H:%M:%S} UTC"
    )
    after = {"tenant": what.tenant, "kind": what.kind, "calls": given.calls, "per": given.per, "ends_at": ends_at}
    return _done(what.provider, said + _late(told=told), after)


@order("/providers/<name>/lift", needs=Role.OPERATOR, everywhere=True)
def lift_limit(place: Place, person: Person, name: str, given: Paused) -> Done:
    """End lowered limits before their time."""
    what = steer.scope(place, _named(place, name), given.tenant, given.kind)
    lifted, told = steer.lift(place, what, Order(person.name, given.because))
    said = f"{lifted} lowered limit{'s' if lifted > 1 else ''} of {what} ended"
    return _done(what.provider, said + _late(told=told), {"lifted": lifted})


def _late(*, told: bool) -> str:
    return "" if told else "; Redis is away, and a worker's sweep tells it when it is back"


def _named(place: Place, name: str) -> str:
    """The provider of that name.

    Raises:
        NotFound: there is none.
    """
    if name not in place.registry.providers:
        raise NotFound
    return name


def _how(given: Hold) -> Literal["", "open", "closed"]:
    return "" if given.how == "release" else given.how


def _done(name: str, said: str, value: object) -> Done:
    return Done(said, url_for("page.provider", name=name), value)
