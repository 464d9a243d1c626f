"""Leave `dead`: by a person's order, in the next epoch or for good. The caller holds the row (see `ledger.letters.lock`)."""

import uuid
from dataclasses import replace

from ledger.lanes import SPARE, LaneKey, lane_ids
from ledger.session import Connection, Ledger
from operations.outcome import Effect
from operations.states import State

# The keys stay: they change with the generation and with nothing else. A person's order overrules an earlier wish.
_REQUEUE = """
UPDATE lockgate.operations SET
    lane_id = %(lane_id)s, state = %(state)s, reason = CASE WHEN %(state)s = 'waiting' THEN 'new' END, error_class = NULL,
    epoch = epoch + 1, fence = fence + 1,  -- what was decided about the epoch before and not yet written, is not written
    effect = CASE WHEN cleared < (SELECT restores FROM lockgate.ledger) AND provider <> 'local' AND effect = 'none'
        THEN 'unknown' ELSE effect END,
    first_sent_at = CASE WHEN cleared < (SELECT restores FROM lockgate.ledger) AND provider <> 'local'
        THEN least(first_sent_at, (SELECT restored_to FROM lockgate.ledger)) ELSE first_sent_at END,
    failures = 0, inquiries = 0, crashes = 0, pending_trip = NULL, absent_at = NULL, ended_at = NULL,
    frozen = frozen AND NOT (effect = 'none' AND coalesce(send_until < statement_timestamp(), true)),
    expires_at = NULL, revoked_at = NULL, hinted_at = NULL, due_at = statement_timestamp(),
    deadline_at = statement_timestamp() + %(give_up_after)s * interval '1 second',
    decide_at = statement_timestamp() + (%(give_up_after)s
        + CASE WHEN %(state)s = 'unconfirmed' THEN %(confirm_time)s ELSE 0 END) * interval '1 second'
WHERE id = %(id)s AND state = 'dead'
"""

# What follows the end of an epoch is sent once per epoch: the next end has its own.
_FOLLOW_ANEW = """
UPDATE lockgate.tickets SET finalised_at = NULL, follow_failures = 0, follow_at = %(at)s
WHERE id = ANY(ARRAY(
    SELECT ticket_id FROM lockgate.operations WHERE id = %(id)s
    UNION ALL SELECT id FROM lockgate.tickets WHERE operation_id = %(id)s AND alias))
    AND operation_id = %(id)s AND follows
"""

_END = """
UPDATE lockgate.operations SET state = %(state)s, effect = %(effect)s, reason = NULL,
    reference = coalesce(%(reference)s, reference), code = coalesce(%(code)s, code), ended_at = statement_timestamp()
WHERE id = %(id)s AND state = 'dead'
"""

_DISCARD = """
UPDATE lockgate.operations SET state = 'discarded', ended_at = statement_timestamp() WHERE id = %s AND state = 'dead'
"""

_FOLLOW_NOW = """
UPDATE lockgate.tickets SET follow_at = statement_timestamp(), follow_failures = 0
WHERE operation_id = %s AND follows AND finalised_at IS NULL
"""

_LOWER = """
UPDATE lockgate.operations SET effect = 'none', reference = NULL, cleared = (SELECT restores FROM lockgate.ledger)
WHERE id = %s AND state = 'dead'
"""


_LANE = """
SELECT l.queue, l.tenant, l.provider, l.kind, l.priority, l.task
FROM lockgate.operations o JOIN lockgate.lanes l ON l.id = o.lane_id WHERE o.id = %s
"""


def lane(ledger: Ledger, connection: Connection, operation_id: uuid.UUID, *, spare: bool) -> int:
    """The lane in which an operation goes on: its own, or the one beside it for work without haste."""
    own = lane_key(connection, operation_id)
    if spare or own.priority == SPARE:
        own = replace(own, priority=SPARE if spare else 0)
    return lane_ids(ledger, [own])[own]


def lane_key(connection: Connection, operation_id: uuid.UUID) -> LaneKey:
    """The lane in which an operation is."""
    row = connection.execute(_LANE, [operation_id]).fetchone()
    assert row is not None
    return LaneKey(*row)


def requeue(
    connection: Connection, operation_id: uuid.UUID, *, lane_id: int, ask_first: bool, give_up_after: float,
    confirm_time: float,
) -> None:  # fmt: skip
    """Open the next epoch: failures and deadline begin anew, the keys and what is known of the effect stay.

    Args:
        connection: in a transaction that holds the row.
        operation_id: the operation.
        lane_id: where it goes on.
        ask_first: the provider is asked before anything is sent.
        give_up_after: seconds until its new deadline.
        confirm_time: seconds after that in which an unknown effect may still be confirmed.
    """
    values = {
        "id": operation_id, "state": State.UNCONFIRMED if ask_first else State.WAITING,
        "lane_id": lane_id, "give_up_after": give_up_after, "confirm_time": confirm_time,
    }  # fmt: skip
    connection.execute(_REQUEUE, values)
    connection.execute(_FOLLOW_ANEW, {"id": operation_id, "at": "infinity"})


def succeed(connection: Connection, operation_id: uuid.UUID, *, reference: str | None) -> None:
    """It happened, a person says; what follows a success is sent now, also where a failure was followed before."""
    values = {"id": operation_id, "state": State.SUCCEEDED, "effect": Effect.DONE, "reference": reference, "code": None}
    connection.execute(_END, values)
    connection.execute(_FOLLOW_ANEW, {"id": operation_id, "at": "-infinity"})


def decline(connection: Connection, operation_id: uuid.UUID, *, code: str | None) -> None:
    """The provider said no, a person says; what waits for the end goes on with a failure."""
    values = {"id": operation_id, "state": State.DECLINED, "effect": Effect.NONE, "reference": None, "code": code}
    connection.execute(_END, values)
    connection.execute(_FOLLOW_NOW, [operation_id])


def discard(connection: Connection, operation_id: uuid.UUID) -> None:
    """Nobody wants it any more; what waits for the end goes on with a failure. What is known of the effect stays."""
    connection.execute(_DISCARD, [operation_id])
    connection.execute(_FOLLOW_NOW, [operation_id])


def rule_out(connection: Connection, operation_id: uuid.UUID) -> None:
    """Nothing happened, a person has proved; it stays dead until somebody decides how it goes on."""
    connection.execute(_LOWER, [operation_id])
