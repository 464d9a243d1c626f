"""Edit and requeue: a dead letter's intent with corrected arguments, as the next generation of its business key.

The old operation is superseded in the same transaction, and can never be requeued. What of a canvas still waits for it goes
on with the new one.
"""

import uuid
from collections.abc import Mapping
from typing import Any

from deadletter.edit import difference, needs_a_second, refuse_approval, refuse_decided, refuse_edit
from deadletter.requeue import bound_kind
from deadletter.review import last_status, next_step
from integrations.registry import BoundKind
from ledger import audit, edits, history, letters
from ledger.accept import Answer
from ledger.again import current_generation, supersede
from ledger.audit import Order
from ledger.edits import Edit
from ledger.lanes import lane_ids
from ledger.letters import Dead
from ledger.reopen import lane_key
from ledger.session import Connection, Ledger
from operations import keys
from operations.errors import InvalidArgumentsError, NotAllowedError
from tasks.draft import Draft, Posting, acceptance, draft
from tasks.platform import Platform


def arguments(platform: Platform, letter_id: int) -> dict[str, Any]:
    """The arguments of a dead letter's operation; they may be personal.

    Raises:
        NotAllowedError: it cannot be edited; the message says why.
    """
    with platform.ledger.connection() as connection:
        dead = letters.look(connection, letter_id)
        dead, _ = _editable(platform, dead, letter_id)
        return _arguments(platform, connection, dead)


def propose(platform: Platform, letter_id: int, changes: Mapping[str, Any], order: Order) -> Edit:
    """Correct some arguments, or none where only the key has to be another one. Money waits for a second person.

    Args:
        platform: the parts.
        letter_id: the dead letter, whose effect is proven none.
        changes: the fields that shall be others; none sends the same under a new key, where the old one is used up.
        order: who, and why.

    Raises:
        NotAllowedError: it may not be edited, nothing is changed, or another edit waits.
        InvalidArgumentsError: the kind does not take these arguments.
    """
    ledger = platform.ledger
    with ledger.transaction() as connection:
        dead, bound = _editable(platform, letters.lock(connection, letter_id), letter_id)
        before = _arguments(platform, connection, dead)
        made = _drafted(bound, dead, before, {**before, **changes})
        changed = difference(before, made.arguments)
        if not changed and not _stuck(ledger, connection, dead, bound):
            raise NotAllowedError(f"nothing of {dead.letter.name} is changed: requeue it, or say what shall be other")
        edit = edits.add(
            ledger,
            connection,
            dead,
            arguments=made.arguments,
            difference=changed,
            by=order.actor,
            because=order.because,
        )
        if not needs_a_second(bound):
            return _apply(platform, connection, edit, (dead, bound), order)
        after = {"edit": edit.id, "fields": edit.fields}
        audit.note(connection, order, "propose", str(dead.id), before=dead.as_json(), after=after)
    return edit


def approve(platform: Platform, edit_id: int, order: Order) -> Edit:
    """Let an edit go out, as a second person.

    Raises:
        NotAllowedError: it is one's own, is decided, or the letter may not be edited any more.
    """
    with platform.ledger.transaction() as connection:
        edit = _edit(platform, connection, edit_id)
        refuse_approval(edit, order.actor)
        dead, bound = _editable(platform, letters.lock(connection, edit.letter_id), edit.letter_id)
        return _apply(platform, connection, edit, (dead, bound), order)


def reject(platform: Platform, edit_id: int, order: Order) -> Edit:
    """Turn an edit down, or take one's own back; the letter stays open.

    Raises:
        NotAllowedError: it is decided.
    """
    with platform.ledger.transaction() as connection:
        edit = _edit(platform, connection, edit_id)
        refuse_decided(edit)
        decided = edits.decide(platform.ledger, connection, edit, "rejected", by=order.actor)
        before = {"edit": edit.id, "fields": edit.fields, "by": edit.by}
        audit.note(connection, order, "reject", str(edit.operation_id), before=before, after={"edit": edit.id})
    return decided


def _edit(platform: Platform, connection: Connection, edit_id: int) -> Edit:
    edit = edits.lock(platform.ledger, connection, edit_id)
    if edit is None:
        raise NotAllowedError(f"there is no edit {edit_id}: `lockgate deadletter edits` shows those that wait")
    return edit


def _editable(platform: Platform, dead: Dead | None, letter_id: int) -> tuple[Dead, BoundKind]:
    if dead is None:
        raise NotAllowedError(
            f"there is no dead letter dl_{letter_id}: `lockgate deadletter list` shows those there are"
        )
    return dead, refuse_edit(dead, bound_kind(platform.registry, dead))


def _stuck(ledger: Ledger, connection: Connection, dead: Dead, bound: BoundKind) -> bool:
    """Whether another key alone is the sensible step."""
    told = history.story(ledger, connection, dead.id)
    assert told is not None
    return next_step(dead, bound, status=last_status(told)).action == "edit"


def _arguments(platform: Platform, connection: Connection, dead: Dead) -> dict[str, Any]:
    sent = history.sending(platform.ledger, connection, dead.id)
    if sent is None:
        raise NotAllowedError(f"{dead.letter.name} never became a request: discard it, and let its caller call again")
    return dict(sent.arguments)


def _drafted(bound: BoundKind, dead: Dead, before: Mapping[str, Any], after: Mapping[str, Any]) -> Draft:
    """The new arguments, checked; they must be about the same intent.

    Raises:
        InvalidArgumentsError: they are wrong, or name another one.
    """
    names = {"tenant": dead.tenant, "business_key": dead.letter.business_key}
    unknown = sorted({*after} - {*before} - {*bound.kind.Arguments.model_fields})
    if unknown:
        known = ", ".join(bound.kind.Arguments.model_fields)
        raise InvalidArgumentsError(bound.name, [f"{', '.join(unknown)}: not an argument; it takes {known}"])
    made = draft(bound, (), {**after, **names})
    was = draft(bound, (), {**before, **names})
    if bound.kind.business_key(made.validated) != bound.kind.business_key(was.validated):
        raise InvalidArgumentsError(
            bound.name, [f"these name another intent than {dead.letter.business_key}: a new call makes that one"]
        )
    return made


def _apply(
    platform: Platform, connection: Connection, edit: Edit, letter: tuple[Dead, BoundKind], order: Order
) -> Edit:
    """Open the next generation; the sweep hints at it."""
    (dead, bound), ledger = letter, platform.ledger
    made = _drafted(bound, dead, edit.arguments, edit.arguments)
    names = {"tenant": dead.tenant, "provider": dead.provider, "kind": dead.kind}
    key_id = keys.business_key_id(ledger.secret, business_key=str(dead.letter.business_key), **names)
    generation = current_generation(connection, key_id) + 1
    lane = lane_key(connection, dead.id)
    posting = Posting(keys.new_name(), lane.task, lane.queue)
    item = acceptance(bound, made, posting, secret=ledger.secret, generation=generation)
    verdict = supersede(
        ledger, connection, item, lane_ids(ledger, [item.lane])[item.lane], after=dead.id, generation=generation,
        by=order.actor,
    )  # fmt: skip
    if verdict.answer is not Answer.ACCEPTED:
        raise NotAllowedError(f"{dead.letter.name} was overtaken: {verdict.why or 'another generation is current'}")
    new: uuid.UUID = verdict.operation_id
    decided = edits.decide(ledger, connection, edit, "applied", by=order.actor, new=new)
    after = {
        "state": "superseded", "by": str(new), "generation": generation, "edit": edit.id, "fields": edit.fields,
        "proposed_by": edit.by,
    }  # fmt: skip
    audit.note(connection, order, "edit", str(dead.id), before=dead.as_json(), after=after)
    origin = {"supersedes": str(dead.id), "letter": dead.letter.name}
    audit.note(connection, order, "edit", str(new), before=origin, after={"edit": edit.id, "fields": edit.fields})
    return decided
