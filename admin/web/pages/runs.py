"""Bulk requeues: a plan first, then a run that can be watched, paused and ended."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from flask import url_for
from pydantic import Field
from werkzeug.exceptions import NotFound

from admin.access.person import Person, Role
from admin.web.place import Place
from admin.web.route import Done, Reason, Taken, order, read
from deadletter import plan as planning
from deadletter import run as running
from ledger import audit, letters
from ledger import run_letters as parts
from ledger import runs as kept
from ledger.audit import Entry, Order
from ledger.run_letters import Counts, Item
from ledger.runs import Run

_PAGE = 50


class Page(Taken):
    """Where a page begins."""

    before: int | None = None


class Plan(Reason):
    """What a run is about: the letters that are named, or all open ones that a filter matches; and how it begins."""

    letter: list[int] | None = Field(None, max_length=10_000, description="Dead letters by their numbers.")
    fingerprint: str | None = None
    provider: str | None = None
    kind: str | None = None
    tenant: str | None = None
    error_class: str | None = None
    effect: Literal["none", "unknown", "done"] | None = None
    text: str | None = Field(None, max_length=200)
    since: datetime | None = None
    until: datetime | None = None
    name: str = Field("", max_length=planning.LONGEST_NAME)
    canary: int = Field(planning.CANARY, ge=1, le=1000, description="So many go first; the others wait for them.")
    tolerate: int = Field(0, ge=0, le=1000, description="So many may come back dead before the run stops itself.")


class Items(Taken):
    """Which letters of a run."""

    state: str | None = None
    after: int = 0


@dataclass(frozen=True, slots=True)
class Line:
    """A run on a list."""

    run: Run
    counts: Counts


@dataclass(frozen=True, slots=True)
class Runs:
    """A page of runs, the newest first."""

    rows: list[Line]
    next: int | None


@dataclass(frozen=True, slots=True)
class One:
    """One run: its plan, how far it is, and its letters."""

    run: Run
    counts: Counts
    items: list[Item]
    given: Items
    next: int | None
    trail: list[Entry]


@read("/runs", "runs.html", needs=Role.VIEWER, everywhere=True)
def runs(place: Place, given: Page) -> Runs:
    """Plans and runs."""
    with place.ledger.connection() as connection:
        found = kept.listed(connection, given.before, _PAGE)
        rows = [Line(run, parts.counts(connection, run.id)) for run in found]
    return Runs(rows, found[-1].id if len(found) == _PAGE else None)


@read("/runs/<int:run_id>", "run.html", needs=Role.VIEWER)
def run(place: Place, person: Person, run_id: int, given: Items) -> One:
    """One run."""
    with place.ledger.connection() as connection:
        found = _seen(person, kept.get(connection, run_id))
        items = parts.items(connection, run_id, state=given.state, after=given.after, limit=_PAGE)
        return One(
            found, parts.counts(connection, run_id), items, given, items[-1].letter_id if len(items) == _PAGE else None,
            audit.entries(connection, planning.target(run_id)),
        )  # fmt: skip


@order("/runs", needs=Role.OPERATOR)
def plan_run(place: Place, person: Person, given: Plan) -> Done:
    """Plan to requeue many: what would happen, with nothing sent yet."""
    made = planning.plan(
        place.ledger, place.registry, _wanted(place, person, given), Order(person.name, given.because), name=given.name,
        canary=given.canary, tolerate=given.tolerate,
    )  # fmt: skip
    return _done(
        made.id, f"this is the plan of {made.name or f'run {made.id}'}: nothing is sent before you start it", made
    )


@order("/runs/<int:run_id>/start", needs=Role.OPERATOR)
def start_run(place: Place, person: Person, run_id: int, given: Reason) -> Done:
    """Start a planned run: the canary goes first."""
    return _ordered(place, person, run_id, given, order=running.start, said="it has started, the canary first")


@order("/runs/<int:run_id>/pause", needs=Role.OPERATOR)
def pause_run(place: Place, person: Person, run_id: int, given: Reason) -> Done:
    """Pause a run: what is under way ends, nothing else is requeued."""
    return _ordered(place, person, run_id, given, order=running.pause, said="it is paused; what is under way ends")


@order("/runs/<int:run_id>/resume", needs=Role.OPERATOR)
def resume_run(place: Place, person: Person, run_id: int, given: Reason) -> Done:
    """Let a paused or stopped run go on."""
    return _ordered(place, person, run_id, given, order=running.resume, said="it goes on")


@order("/runs/<int:run_id>/cancel", needs=Role.OPERATOR)
def cancel_run(place: Place, person: Person, run_id: int, given: Reason) -> Done:
    """End a run for good: what was not requeued stays dead."""
    return _ordered(
        place,
        person,
        run_id,
        given,
        order=running.cancel,
        said="it is cancelled; what was not requeued stays as it was",
    )


def _ordered(
    place: Place, person: Person, run_id: int, given: Reason, *, order: Callable[..., Run], said: str
) -> Done:  # fmt: skip
    with place.ledger.connection() as connection:
        _seen(person, kept.get(connection, run_id))
    return _done(run_id, said, order(place.ledger, run_id, Order(person.name, given.because)))


def _wanted(place: Place, person: Person, given: Plan) -> letters.Wanted | list[int]:
    """The letters that are named, as far as they may be seen, or a filter.

    Raises:
        NotFound: one of them may not be seen, or is not there.
    """
    if given.letter:
        with place.ledger.connection() as connection:
            found = letters.looked(connection, given.letter)
        if len(found) < len(set(given.letter)) or not all(person.sees(dead.tenant) for dead in found):
            raise NotFound
        return given.letter
    return letters.Wanted(
        fingerprint=given.fingerprint, provider=given.provider, kind=given.kind, tenant=given.tenant,
        tenants=person.tenants,
        error_class=given.error_class, effect=given.effect, text=given.text, since=given.since, until=given.until,
    )  # fmt: skip


def _seen(person: Person, found: Run | None) -> Run:
    """A run, for whoever planned it or may see all tenants.

    Raises:
        NotFound: it is not theirs.
    """
    if found is None or not (person.everywhere or found.planned_by == person.name):
        raise NotFound
    return found


def _done(run_id: int, said: str, value: object) -> Done:
    return Done(said, url_for("page.run", run_id=run_id), value)
