"""Operations: find one, and read its whole story."""

import uuid
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from flask import Response, redirect, url_for
from pydantic import Field
from werkzeug.exceptions import NotFound

from admin.access.person import Person, Role
from admin.web.place import Place
from admin.web.route import Taken, read
from ledger import found, history
from ledger.found import Found
from ledger.history import Story
from operations.states import State

_PAGE = 50
_SAME = timedelta(milliseconds=200)


class Filter(Taken):
    """Which operations."""

    q: str | None = Field(None, max_length=300, description="A business key, an operation's id, or a Celery task id.")
    state: State | None = None
    provider: str | None = None
    kind: str | None = None
    tenant: str | None = None
    before: uuid.UUID | None = Field(None, description="The last id of the page before.")


@dataclass(frozen=True, slots=True)
class Operations:
    """A page of operations; `next` is where the following one begins."""

    given: Filter
    rows: list[Found]
    next: uuid.UUID | None
    providers: list[str]
    kinds: list[str]
    states: list[str]


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened, for a timeline.

    Attributes:
        what: in a few words.
        more: half a sentence.
        tone: the weight of it: good, bad, warm or calm.
        facts: names and values, for those who look closer.
        sent: the request, redacted; None where there was none.
        heard: the answer, redacted.
    """

    at: datetime
    source: Literal["caller", "us", "provider", "person"]
    what: str
    more: str
    tone: str
    facts: dict[str, Any]
    sent: Mapping[str, Any] | None = None
    heard: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Told:
    """An operation's story."""

    story: Story
    events: list[Event]


@read("/operations", "operations.html", needs=Role.VIEWER)
def operations(place: Place, person: Person, given: Filter) -> Operations | Response:
    """The newest operations, or those that a name may mean."""
    tenants = None if person.tenants is None else list(person.tenants)
    with place.ledger.connection() as connection:
        if given.q:
            rows = found.these(connection, history.find(connection, given.q), tenants)
        else:
            wanted = found.Wanted(
                state=given.state, provider=given.provider, tenant=given.tenant, kind=given.kind, tenants=tenants,
                before=given.before, limit=_PAGE,
            )  # fmt: skip
            rows = found.listed(connection, wanted)
    more = not given.q and len(rows) == _PAGE
    return Operations(
        given, rows, rows[-1].id if more else None, sorted(place.registry.providers), sorted(place.registry.kinds),
        [str(state) for state in State],
    )  # fmt: skip


@read("/operations/<uuid:operation_id>", "operation.html", needs=Role.VIEWER)
def operation(place: Place, person: Person, operation_id: uuid.UUID) -> Told:
    """One operation: everything that was asked, tried, heard and decided."""
    with place.ledger.connection() as connection:
        told = history.story(place.ledger, connection, operation_id)
    if told is None or not person.sees(told.operation["tenant"]):
        raise NotFound
    return Told(told, timeline(told))


@read("/find", "operations.html", needs=Role.VIEWER, api=False)
def find(place: Place, person: Person, given: Filter) -> Response | Operations:
    """The search of every page: straight to the one operation that a name means, or to the list."""
    if given.q and given.q.startswith("dl_") and given.q[3:].isdigit():
        return _redirect(f"/deadletters/{int(given.q[3:])}")
    listed = operations(place, person, given)
    assert isinstance(listed, Operations)
    if given.q and len(listed.rows) == 1:
        return _redirect(url_for("page.operation", operation_id=listed.rows[0].id))
    return listed


def timeline(told: Story) -> list[Event]:
    """Everything that happened to an operation, in order."""
    row = told.operation
    events = [
        Event(row["accepted_at"], "caller", "Accepted", f"generation {row['generation']}, as {told.task}", "calm", {})
    ]
    events += [event for tried in told.attempts for event in _tried(tried)]
    for letter in told.dead_letters:
        why = " · ".join(part for part in (letter.reason.replace("_", " "), letter.code, letter.message) if part)
        at = _after(letter.dead_at, told)
        events.append(Event(at, "us", f"Dead letter {letter.name}", why, "bad", {"effect": letter.effect}))
    for change in told.changes:
        changed = {"before": dict(change.before), "after": dict(change.after)}
        events.append(Event(change.at, "person", f"{change.actor}: {change.action}", change.because, "calm", changed))
    if row["ended_at"] is not None and row["state"] in {State.SUCCEEDED, State.DECLINED}:
        tone = "good" if row["state"] == State.SUCCEEDED else "warm"
        more = row["reference"] or row["code"] or ""
        at = _after(row["ended_at"], told)
        events.append(Event(at, "us", row["state"].capitalize(), more, tone, {}))
    return sorted(events, key=lambda event: event.at)


def _after(at: datetime, told: Story) -> datetime:
    """When something followed from a reply that was written in the same transaction, moments later: not before it."""
    heard = (tried.heard_at for tried in told.attempts if tried.heard_at is not None)
    return max([at, *(each for each in heard if each - at < _SAME)])


def _tried(tried: history.Tried) -> Iterator[Event]:
    evidence = tried.evidence or {}
    verb = {"send": "Sent", "inquire": "Asked whether it happened", "await": "Asked for the answer"}
    sent = evidence.get("request")
    path = " ".join(str(sent.get(part, "")) for part in ("method", "path")) if isinstance(sent, Mapping) else ""
    facts = {"attempt": tried.number, "purpose": tried.purpose, "worker": tried.worker}
    yield Event(tried.started_at, "us", f"{verb.get(tried.purpose, tried.purpose)}", path, "calm", facts, sent=sent)
    if tried.heard_at is None:
        return
    words = [str(tried.status) if tried.status else "", tried.code or "", tried.message or ""]
    heard = {
        "attempt": tried.number, "class": tried.error_class, "effect": tried.effect, "status": tried.status,
        "reference": tried.reference, "request id": tried.request_id, "seconds": tried.elapsed,
    }  # fmt: skip
    outcome = (tried.outcome or "").replace("_", " ")
    tones = {"succeeded": "good", "present": "good", "accepted": "good", "failed": "bad", "declined": "warm"}
    reply = {name: value for name, value in evidence.items() if name != "request"} or None
    yield Event(
        tried.heard_at, "provider", f"Heard: {outcome}", " · ".join(word for word in words if word),
        tones.get(tried.outcome or "", "calm"), {name: value for name, value in heard.items() if value is not None},
        heard=reply,
    )  # fmt: skip


def _redirect(path: str) -> Response:
    answer = redirect(path, 303)
    assert isinstance(answer, Response)
    return answer
