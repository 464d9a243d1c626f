"""Dead letters that failed alike: the groups, one group, and what is said of it."""

from dataclasses import dataclass
from typing import Literal

from flask import url_for
from pydantic import Field
from werkzeug.exceptions import NotFound

from admin.access.person import Person, Role
from admin.web.place import Place
from admin.web.route import Done, Reason, Taken, order, read
from deadletter import groups as deciding
from deadletter.dossier import dossier
from deadletter.review import Step
from ledger import audit, letters
from ledger import groups as kept
from ledger.audit import Entry, Order
from ledger.groups import Group, Touched
from ledger.letters import DeadLetter

_PAGE = 50
_HOUR = 3600.0
STATUSES = ("unsettled", "open", "acknowledged", "ignored", "reopened", "resolved", "all")


class Filter(Taken):
    """Which groups."""

    status: Literal["unsettled", "open", "acknowledged", "ignored", "reopened", "resolved", "all"] = "unsettled"
    provider: str | None = None
    kind: str | None = None
    tenant: str | None = None
    effect: Literal["none", "unknown", "done"] | None = None
    text: str | None = Field(None, max_length=200, description="A part of reason, code or message.")
    before: str | None = Field(None, description="The `next` of the page before.")


class Ignored(Reason):
    """For how long, or up to which rate, a group is ignored: one of the two."""

    hours: float | None = Field(None, gt=0, le=24 * 365)
    rate: int | None = Field(None, ge=1, description="Letters an hour above which it is not ignored any more.")


class Assigned(Reason):
    """Whose it is; nobody's when left out."""

    to: str | None = Field(None, max_length=200)


class Tagged(Reason):
    """Tags, with commas between."""

    add: str = ""
    remove: str = ""


@dataclass(frozen=True, slots=True)
class Row:
    """A group, and its letters by the hour of the last day."""

    group: Group
    hours: list[int]


@dataclass(frozen=True, slots=True)
class Groups:
    """A page of groups, the last seen first; `next` is where the following one begins."""

    given: Filter
    rows: list[Row]
    next: str | None
    providers: list[str]
    kinds: list[str]


@dataclass(frozen=True, slots=True)
class One:
    """One group, with its newest open letters; what the newest of them asks for, or that it waits for approval."""

    row: Row
    touched: list[Touched]
    letters: list[DeadLetter]
    trail: list[Entry]
    step: Step | None
    waits: bool


@read("/groups", "groups.html", needs=Role.VIEWER)
def groups(place: Place, person: Person, given: Filter) -> Groups:
    """Dead letters by what they have in common."""
    kept.fold(place.ledger)
    wanted = kept.Wanted(
        status=given.status, provider=given.provider, kind=given.kind, tenant=given.tenant,
        tenants=person.tenants,
        effect=given.effect, text=given.text, before=given.before, limit=_PAGE,
    )  # fmt: skip
    with place.ledger.connection() as connection:
        found = kept.listed(connection, wanted)
        hours = kept.hours(connection, [group.fingerprint for group in found])
    return Groups(
        given, [Row(group, hours.get(group.fingerprint, [0])) for group in found],
        found[-1].cursor if len(found) == _PAGE else None,
        sorted(place.registry.providers), sorted(place.registry.kinds),
    )  # fmt: skip


@read("/groups/<fingerprint>", "group.html", needs=Role.VIEWER)
def group(place: Place, person: Person, fingerprint: str) -> One:
    """One group."""
    kept.fold(place.ledger)
    with place.ledger.connection() as connection:
        found = kept.get(connection, fingerprint)
        touched = kept.tenants(connection, fingerprint)
        seen = [each for each in touched if person.sees(each.tenant)]
        if found is None or (not seen and not person.everywhere):
            raise NotFound
        wanted = letters.Wanted(fingerprint=fingerprint, tenants=person.tenants, limit=_PAGE)
        row = Row(found, kept.hours(connection, [fingerprint]).get(fingerprint, [0]))
        waiting, trail = letters.listed(connection, wanted), audit.entries(connection, deciding.target(fingerprint))
    newest = dossier(place.ledger, place.registry, waiting[0].id) if waiting else None
    return One(row, seen, waiting, trail, newest.step if newest else None, waits=bool(newest and newest.waits))


@order("/groups/<fingerprint>/acknowledge", needs=Role.OPERATOR, everywhere=True)
def acknowledge_group(place: Place, person: Person, fingerprint: str, given: Reason) -> Done:
    """Say that somebody looks after it."""
    deciding.acknowledge(place.ledger, fingerprint, _order(person, given))
    return _done(fingerprint, "somebody looks after it: you")


@order("/groups/<fingerprint>/ignore", needs=Role.OPERATOR, everywhere=True)
def ignore_group(place: Place, person: Person, fingerprint: str, given: Ignored) -> Done:
    """Take it off the list for a time, or as long as few come."""
    seconds = None if given.hours is None else given.hours * _HOUR
    deciding.ignore(place.ledger, fingerprint, _order(person, given), seconds=seconds, rate=given.rate)
    return _done(fingerprint, "it is ignored, and comes back by itself")


@order("/groups/<fingerprint>/resolve", needs=Role.OPERATOR, everywhere=True)
def resolve_group(place: Place, person: Person, fingerprint: str, given: Reason) -> Done:
    """Say that its cause is mended: one more letter reopens it."""
    deciding.resolve(place.ledger, fingerprint, _order(person, given))
    return _done(fingerprint, "its cause is mended; one more letter like these reopens it")


@order("/groups/<fingerprint>/reopen", needs=Role.OPERATOR, everywhere=True)
def reopen_group(place: Place, person: Person, fingerprint: str, given: Reason) -> Done:
    """Put it back on the list."""
    deciding.reopen(place.ledger, fingerprint, _order(person, given))
    return _done(fingerprint, "it is open again")


@order("/groups/<fingerprint>/assign", needs=Role.OPERATOR, everywhere=True)
def assign_group(place: Place, person: Person, fingerprint: str, given: Assigned) -> Done:
    """Say whose it is."""
    deciding.assign(place.ledger, fingerprint, _order(person, given), given.to)
    return _done(fingerprint, f"it is {given.to}'s" if given.to else "it is nobody's")


@order("/groups/<fingerprint>/tags", needs=Role.OPERATOR, everywhere=True)
def tag_group(place: Place, person: Person, fingerprint: str, given: Tagged) -> Done:
    """Put tags on it, or take them off."""
    deciding.tag(place.ledger, fingerprint, _order(person, given), add=_names(given.add), remove=_names(given.remove))
    return _done(fingerprint, "its tags are changed")


@order("/groups/<fingerprint>/note", needs=Role.OPERATOR, everywhere=True)
def note_group(place: Place, person: Person, fingerprint: str, given: Reason) -> Done:
    """Write down something for whoever looks next."""
    deciding.note(place.ledger, fingerprint, _order(person, given))
    return _done(fingerprint, "it is noted")


def _order(person: Person, given: Reason) -> Order:
    return Order(person.name, given.because)


def _names(given: str) -> list[str]:
    return [name.strip() for name in given.split(",") if name.strip()]


def _done(fingerprint: str, said: str) -> Done:
    return Done(said, url_for("page.group", fingerprint=fingerprint))
