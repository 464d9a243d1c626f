"""Edit and requeue: corrected arguments as the next generation, approved by a second person where it is money."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from flask import url_for
from pydantic import Field
from werkzeug.exceptions import NotFound

from admin.access.person import Person, Role
from admin.web.pages.letters import seen
from admin.web.place import Place
from admin.web.route import Done, Reason, order, read
from config.errors import ConfigError
from deadletter.dossier import Dossier
from deadletter.edit import needs_a_second
from ledger import edits as kept
from ledger.audit import Order
from ledger.edits import Edit
from tasks import edit as editing


class Changes(Reason):
    """The arguments that shall be others; from a form, texts that are read as the argument is."""

    changes: dict[str, Any] = Field(default_factory=dict, description="None sends the same with a new key.")


@dataclass(frozen=True, slots=True)
class Edited:
    """A dead letter's arguments, which may be personal, to be corrected.

    Attributes:
        as_it_is: it may go out unchanged, for the provider may repeat its last answer under the old key.
        money: a second person has to approve it.
    """

    dossier: Dossier
    arguments: Mapping[str, Any]
    as_it_is: bool
    money: bool


@dataclass(frozen=True, slots=True)
class Edits:
    """Corrections that wait for a second person."""

    rows: list[Edit]


@read("/deadletters/<int:letter_id>/edit", "edit.html", needs=Role.OPERATOR)
def edit(place: Place, person: Person, letter_id: int) -> Edited:
    """The arguments of a dead letter that had no effect, to correct them."""
    found, arguments = seen(place, person, letter_id), editing.arguments(place.platform, letter_id)
    bound = place.registry.kind(found.dead.kind)
    return Edited(found, arguments, as_it_is=found.step.action == "edit", money=needs_a_second(bound))


@order("/deadletters/<int:letter_id>/edit", needs=Role.OPERATOR, again="edit")
def propose_edit(place: Place, person: Person, letter_id: int, given: Changes) -> Done:
    """Send it with a new key, corrected or as it is: money waits for a second person, all else goes out at once."""
    seen(place, person, letter_id)
    before = editing.arguments(place.platform, letter_id)
    changes = {
        name: read_
        for name, value in given.changes.items()
        if (read_ := _read(name, value, before.get(name))) != before.get(name)
    }
    made = editing.propose(place.platform, letter_id, changes, Order(person.name, given.because))
    if made.state == "waiting":
        said = "it is money, so it waits for a second person to approve it"
    else:
        said = "it goes out as the next generation"
    return Done(said, url_for("page.letter", letter_id=letter_id), {"edit": made.id, "state": made.state})


@read("/edits", "edits.html", needs=Role.OPERATOR)
def edits(place: Place, person: Person) -> Edits:
    """Corrections that wait for a second person."""
    with place.ledger.connection() as connection:
        return Edits([each for each in kept.waiting(place.ledger, connection) if person.sees(each.tenant)])


@order("/edits/<int:edit_id>/approve", needs=Role.OPERATOR)
def approve_edit(place: Place, person: Person, edit_id: int, given: Reason) -> Done:
    """Let a correction go out, as a second person."""
    theirs(place, person, edit_id)
    made = editing.approve(place.platform, edit_id, Order(person.name, given.because))
    return _decided(made, "it goes out as the next generation")


@order("/edits/<int:edit_id>/reject", needs=Role.OPERATOR)
def reject_edit(place: Place, person: Person, edit_id: int, given: Reason) -> Done:
    """Turn a correction down, or take one's own back; the letter stays open."""
    theirs(place, person, edit_id)
    made = editing.reject(place.platform, edit_id, Order(person.name, given.because))
    return _decided(made, "it is turned down; the dead letter stays open")


def theirs(place: Place, person: Person, edit_id: int) -> None:
    """Whether somebody may see a correction.

    Raises:
        NotFound: they may not, or there is none.
    """
    with place.ledger.transaction() as connection:
        found = kept.lock(place.ledger, connection, edit_id)
    if found is None or not person.sees(found.tenant):
        raise NotFound


def _decided(made: Edit, said: str) -> Done:
    return Done(said, url_for("page.letter", letter_id=made.letter_id), {"edit": made.id, "state": made.state})


def _read(name: str, value: Any, before: Any) -> Any:
    """A form's text as what the argument was: text stays text, all else is JSON.

    Raises:
        ConfigError: it is no JSON.
    """
    if not isinstance(value, str) or isinstance(before, str):
        return value
    if before is None and not value:
        return None
    try:
        return json.loads(value)
    except ValueError:
        if before is None:
            return value
        raise ConfigError(f"{name}: {value!r} is not a value such as {json.dumps(before)}") from None
