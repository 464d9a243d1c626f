"""Evidence that comes when the operation is no longer in the hands of who heard it."""

import uuid

from ledger.session import Connection

_LOCK = "SELECT state, fence, effect FROM lockgate.operations WHERE id = %s FOR UPDATE"

_SETTLE = """
WITH moved AS (
    UPDATE lockgate.operations SET
        state = 'succeeded', effect = 'done', reason = NULL, reference = coalesce(%(reference)s, reference),
        ended_at = statement_timestamp(), purpose = NULL, lease_token = NULL, lease_until = NULL, worker = NULL
    WHERE id = %(operation_id)s
), closed AS (
    UPDATE lockgate.dead_letters SET status = 'closed', closed_at = statement_timestamp(), closed_by = 'late evidence'
    WHERE operation_id = %(operation_id)s AND status = 'open'
    RETURNING id
), woken AS (
    UPDATE lockgate.tickets SET follow_at = statement_timestamp()
    WHERE operation_id = %(operation_id)s AND follows AND finalised_at IS NULL
)
INSERT INTO lockgate.audit (actor, action, target, because, before, after)
SELECT 'lockgate', 'settle', %(operation_id)s::text, 'a late reply proved the effect',
    jsonb_build_object('state', %(state)s::text, 'effect', %(effect)s::text), '{"state": "succeeded", "effect": "done"}'
"""

_NOTE = """
UPDATE lockgate.operations SET effect = 'done', reference = coalesce(%(reference)s, reference) WHERE id = %(operation_id)s
"""

_CONTRADICTION = """
INSERT INTO lockgate.audit (actor, action, target, because, before, after)
VALUES ('lockgate', 'contradiction', %(operation_id)s::text, 'a late reply proves an effect after an end without one',
    jsonb_build_object('state', %(state)s::text), jsonb_build_object('reference', %(reference)s::text))
"""


def settle_late(
    connection: Connection, operation_id: uuid.UUID, *, fence: int, done: bool, reference: str | None
) -> bool:
    """Let late evidence count: a proof of the effect ends the operation, or closes its dead letter.

    Args:
        connection: in a transaction; the reply itself has been added.
        operation_id: the operation.
        fence: of the attempt that heard it.
        done: whether it proves the effect.
        reference: the provider's name for what it made.

    Returns:
        Whether the state is now what the evidence says.
    """
    row = connection.execute(_LOCK, [operation_id]).fetchone()
    if row is None:
        return False
    state, holder, effect = row
    values = {"operation_id": operation_id, "reference": reference, "state": state, "effect": effect}
    if not (done or effect == "done"):
        return False
    if state == "succeeded":
        return True
    if state in {"declined", "discarded", "superseded"}:
        connection.execute(_CONTRADICTION, values)
        return False
    if state == "calling" and holder != fence:
        connection.execute(_NOTE, values)  # whoever calls now settles it when the call returns
        return False
    connection.execute(_SETTLE, values)
    return True
