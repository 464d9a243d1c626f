"""The next generation of a business key: after a refusal, or when nothing happened for sure."""

import uuid

from ledger.accept import Acceptance, Answer, Verdict, insert_generation
from ledger.session import Connection, Ledger
from operations import keys
from operations.states import State

_CURRENT = """
SELECT k.operation_id, k.generation, k.digest, k.schema_version, o.state, o.effect, o.supersedes,
    o.cleared < (SELECT restores FROM lockgate.ledger)
FROM lockgate.business_keys k JOIN lockgate.operations o ON o.id = k.operation_id
WHERE k.id = %s FOR UPDATE
"""

_SUPERSEDE = """
WITH old AS (
    UPDATE lockgate.operations SET state = 'superseded', ended_at = coalesce(ended_at, statement_timestamp())
    WHERE id = %(old)s
), woken AS (
    UPDATE lockgate.tickets SET follow_at = statement_timestamp()
    WHERE operation_id = %(old)s AND follows AND finalised_at IS NULL
)
UPDATE lockgate.dead_letters SET status = 'superseded', closed_at = statement_timestamp(), closed_by = %(by)s
WHERE operation_id = %(old)s AND status = 'open'
"""


# What still waits for the end of a dead one waits for that of the new one: a chain that a correction mends goes on.
_HAND_OVER = """
UPDATE lockgate.tickets SET operation_id = %(new)s, alias = true, follow_at = 'infinity', follow_failures = 0
WHERE operation_id = %(old)s AND follows AND finalised_at IS NULL
"""


def current_generation(connection: Connection, key_id: uuid.UUID) -> int:
    """The generation of a key; 0 when nothing was ever accepted under it."""
    row = connection.execute("SELECT generation FROM lockgate.business_keys WHERE id = %s", [key_id]).fetchone()
    return 0 if row is None else int(row[0])


def supersede(
    ledger: Ledger,
    connection: Connection,
    item: Acceptance,
    lane_id: int,
    *,
    after: uuid.UUID,
    generation: int,
    by: str,
) -> Verdict:
    """Accept the next generation, in the transaction that supersedes the last one.

    Args:
        ledger: where.
        connection: in a transaction.
        item: the new operation, its idempotency key made for `generation`.
        lane_id: its lane.
        after: the operation that it comes after; only if that is current and had no effect.
        generation: the one that the caller made the key for.
        by: who asks, for a dead letter that it closes.
    """
    lane = item.lane
    key_id = keys.business_key_id(
        ledger.secret, tenant=lane.tenant, provider=lane.provider, kind=lane.kind, business_key=item.business_key or ""
    )
    row = connection.execute(_CURRENT, [key_id]).fetchone()
    if row is None:
        return Verdict(Answer.CONFLICT, after, False, why="nothing was accepted under this key before: use .delay(…)")
    operation_id, now, digest, schema_version, state, effect, supersedes, doubted = row
    if supersedes == after and digest == keys.digest(ledger.secret, schema_version=schema_version, given=item.given):
        return Verdict(Answer.EXISTING, operation_id, False, State(state))
    if operation_id != after or now + 1 != generation:
        return Verdict(Answer.CONFLICT, operation_id, False, State(state), "another generation is current")
    if not (state == State.DECLINED or (state == State.DEAD and effect == "none")):
        return Verdict(Answer.CONFLICT, operation_id, False, State(state), f"it is {state}, its effect {effect}")
    if doubted and state == State.DEAD:  # it may have been requeued, and done, after the backup was made
        why = "the ledger was restored since: requeue the dead letter, which asks the provider first"
        return Verdict(Answer.CONFLICT, operation_id, False, State(state), why)
    connection.execute(_SUPERSEDE, {"old": after, "by": by})
    insert_generation(ledger, connection, item, lane_id, key_id=key_id, generation=generation, supersedes=after)
    if state == State.DEAD:  # a refusal is the end that they waited for
        connection.execute(_HAND_OVER, {"old": after, "new": item.operation_id})
    return Verdict(Answer.ACCEPTED, item.operation_id, False)
