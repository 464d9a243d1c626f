"""Dead letters, one by one: a list by filter, and everything about one, with what may be decided."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from flask import url_for
from pydantic import AwareDatetime, Field
from werkzeug.exceptions import NotFound

from admin.access.person import Person, Role
from admin.web.pages.operations import Event, timeline
from admin.web.place import Place
from admin.web.route import Done, Reason, Taken, order, read
from deadletter import resolve as resolving
from deadletter.dossier import Dossier, dossier
from deadletter.requeue import requeue as requeued
from ledger import letters as kept
from ledger.audit import Order
from ledger.letters import DeadLetter
from operations.errors import NotAllowedError
from operations.states import State
from tasks import look

_PAGE = 50


class Filter(Taken):
    """Which dead letters."""

    status: Literal["open", "requeued", "resolved", "discarded", "superseded", "closed"] = "open"
    provider: str | None = None
    kind: str | None = None
    tenant: str | None = None
    fingerprint: str | None = None
    error_class: Literal["transient", "rate_limited", "client", "ambiguous"] | None = None
    effect: Literal["none", "unknown", "done"] | None = None
    text: str | None = Field(None, max_length=200, description="A part of reason, code or message.")
    since: AwareDatetime | None = None
    until: AwareDatetime | None = None
    before: int | None = Field(None, description="The last number of the page before.")


class Resolved(Reason):
    """What is true at the provider."""

    end: Literal["succeeded", "declined", "none"]
    reference: str | None = Field(
        None, max_length=300, description="With succeeded: the provider's name for what it made."
    )
    without_reference: bool = Field(False, description="With succeeded: the provider gives none.")
    code: str | None = Field(None, max_length=200, description="With declined: the provider's code of its refusal.")


@dataclass(frozen=True, slots=True)
class Letters:
    """A page of dead letters, the newest first; `next` is where the following one begins."""

    given: Filter
    rows: list[DeadLetter]
    next: int | None
    providers: list[str]
    kinds: list[str]


@dataclass(frozen=True, slots=True)
class Letter:
    """Everything about one dead letter."""

    dossier: Dossier
    events: list[Event]
    actions: Mapping[str, str]


@read("/deadletters", "letters.html", needs=Role.VIEWER)
def letters(place: Place, person: Person, given: Filter) -> Letters:
    """Dead letters, one by one."""
    wanted = kept.Wanted(**given.model_dump(), tenants=person.tenants, limit=_PAGE)
    with place.ledger.connection() as connection:
        rows = kept.listed(connection, wanted)
    return Letters(
        given, rows, rows[-1].id if len(rows) == _PAGE else None, sorted(place.registry.providers),
        sorted(place.registry.kinds),
    )  # fmt: skip


@read("/deadletters/<int:letter_id>", "letter.html", needs=Role.VIEWER)
def letter(place: Place, person: Person, letter_id: int) -> Letter:
    """Everything about one dead letter, and the sensible next step."""
    found = seen(place, person, letter_id)
    if not person.may(Role.OPERATOR):  # corrected arguments may be personal
        found = replace(found, edits=[replace(edit, arguments={}, difference={}) for edit in found.edits])
    return Letter(found, timeline(found.story), {"next": found.step.action})


@order("/deadletters/<int:letter_id>/ask", needs=Role.OPERATOR)
def ask_provider(place: Place, person: Person, letter_id: int) -> Done:
    """Ask the provider what it shows now; it is kept, and nothing is changed there or here."""
    provider = seen(place, person, letter_id).dead.provider
    told = look.ask(place.platform, letter_id, Order(person.name, "asked by a button"))
    if told.asked:
        return _done(letter_id, f"{provider} was asked: {told.said}", told)
    return replace(_done(letter_id, f"{provider}: {told.said}", told), kind="hint")


@order("/deadletters/<int:letter_id>/requeue", needs=Role.OPERATOR)
def requeue(place: Place, person: Person, letter_id: int, given: Reason) -> Done:
    """Send it on its way again; where there is a doubt, the provider is asked first."""
    seen(place, person, letter_id)
    state = requeued(place.ledger, place.registry, letter_id, Order(person.name, given.because))
    how = "the provider is asked first" if state is State.UNCONFIRMED else "it is sent as soon as its turn comes"
    return _done(letter_id, f"dl_{letter_id} is requeued: {how}", {"state": state})


@order("/deadletters/<int:letter_id>/resolve", needs=Role.OPERATOR)
def resolve(place: Place, person: Person, letter_id: int, given: Resolved) -> Done:
    """Say what is true at the provider; what waited for the operation goes on."""
    found, who = seen(place, person, letter_id), Order(person.name, given.because)
    match given.end:
        case "succeeded":
            reference = given.reference or found.dead.reference
            if reference is None and not given.without_reference:
                raise NotAllowedError(
                    f"say what dl_{letter_id} is called at {found.dead.provider}, for its result is built from that; or "
                    "that the provider gives no reference"
                )
            resolving.succeeded(place.ledger, letter_id, who, reference=reference)
            said = f"dl_{letter_id} is resolved: it succeeded{f' as {reference}' if reference else ''}"
        case "declined":
            resolving.declined(place.ledger, letter_id, who, code=given.code)
            said = f"dl_{letter_id} is resolved: it was declined"
        case _:
            resolving.nothing_happened(place.ledger, letter_id, who)
            said = f"dl_{letter_id} had no effect; it stays open: requeue it, correct it, or discard it"
    return _done(letter_id, said, {"as": given.end})


@order("/deadletters/<int:letter_id>/discard", needs=Role.OPERATOR)
def discard(place: Place, person: Person, letter_id: int, given: Reason) -> Done:
    """Give it up; what waits for it goes on with a failure."""
    seen(place, person, letter_id)
    resolving.discard(place.ledger, letter_id, Order(person.name, given.because))
    return _done(letter_id, f"dl_{letter_id} is discarded", {"state": State.DISCARDED})


def seen(place: Place, person: Person, letter_id: int) -> Dossier:
    """A dead letter that somebody may see.

    Raises:
        NotFound: there is none, or it is another tenant's.
    """
    found = dossier(place.ledger, place.registry, letter_id)
    if found is None or not person.sees(found.dead.tenant):
        raise NotFound
    return found


def _done(letter_id: int, said: str, value: Any) -> Done:
    return Done(said, url_for("page.letter", letter_id=letter_id), value)
