"""Write down plain successes together, in one statement: what `record` writes of each, for all of them."""

from collections.abc import Sequence
from typing import Any

from ledger.record import Entry, late, sealed_reply, text, writing
from ledger.session import Ledger
from operations.operation import POISON, Purpose
from operations.states import State
from resilience.decide import Settle

# Every table that is joined is narrowed to a handful of keys by itself, so that each plan of it reads only these.
_SUCCEEDED = """
WITH said AS MATERIALIZED (
    SELECT * FROM unnest(%(operation_ids)b::uuid[], %(fences)b::int[], %(tokens)b::uuid[], %(reply_ids)b::uuid[],
        %(statuses)b::smallint[], %(references)b::text[], %(elapsed)b::float8[], %(request_ids)b::text[],
        %(sealed)b::bytea[])
        AS s (operation_id, fence, token, reply_id, status, reference, elapsed, request_id, sealed)
), moved AS (
    UPDATE lockgate.operations o SET
        state = 'succeeded', effect = 'done', reason = NULL, error_class = NULL, pending_trip = NULL, absent_at = NULL,
        crashes = CASE WHEN o.crashes < %(poison)s OR o.provider = 'local' THEN 0 ELSE o.crashes END,
        purpose = NULL, lease_token = NULL, lease_until = NULL, worker = NULL,
        due_at = statement_timestamp(), decide_at = least(o.deadline_at, o.expires_at, o.revoked_at),
        reference = coalesce(s.reference, o.reference), ended_at = statement_timestamp()
    FROM said s
    WHERE o.id = s.operation_id AND o.id = ANY(%(operation_ids)b)
        AND o.state = 'calling' AND o.fence = s.fence AND o.lease_token = s.token
    RETURNING o.id
), heard AS (
    INSERT INTO lockgate.replies (operation_id, number, id, outcome, effect, status, reference, elapsed, request_id, sealed)
    SELECT operation_id, fence, reply_id, 'succeeded', 'done', status, reference, elapsed, request_id, sealed
    FROM said WHERE operation_id IN (SELECT id FROM moved)
    ON CONFLICT DO NOTHING
), woken AS (
    UPDATE lockgate.tickets t SET follow_at = statement_timestamp()
    WHERE t.operation_id = ANY(%(operation_ids)b) AND t.operation_id IN (SELECT id FROM moved)
        AND t.follows AND t.finalised_at IS NULL
)
SELECT id FROM moved
"""


def is_plain(entry: Entry) -> bool:
    """Whether an outcome is what this module writes: a send that succeeded, and nothing else to say."""
    heard, standing = entry.heard, entry.lease.standing
    return (
        isinstance(entry.decision, Settle)
        and entry.decision.state is State.SUCCEEDED
        and heard is not None
        and heard.outcome == "succeeded"
        and heard.crashes is None
        and standing.purpose is Purpose.SEND
        and entry.lease.state is State.CALLING
        and entry.lease.token is not None
    )


def record_successes(ledger: Ledger, entries: Sequence[Entry]) -> list[bool]:
    """Write down several plain successes; see `ledger.record.record`, whose result each of them has.

    The tickets under which they were carried out have nothing that follows; others of the same operations are hinted at.

    Raises:
        ValueError: one of them is not plain.
        psycopg.OperationalError: PostgreSQL went away; it may have been written.
    """
    if not all(is_plain(each) for each in entries):
        raise ValueError("only plain successes are written together")
    ordered = sorted(entries, key=lambda each: each.lease.operation_id)  # two groups lock in the same order
    with writing():
        with ledger.connection() as connection:
            moved = {row[0] for row in connection.execute(_SUCCEEDED, _values(ledger, ordered))}
        return [each.lease.operation_id in moved or late(ledger, each) for each in entries]


def _values(ledger: Ledger, entries: Sequence[Entry]) -> dict[str, Any]:
    leases, replies = [each.lease for each in entries], [each.heard for each in entries if each.heard is not None]
    return {
        "operation_ids": [each.operation_id for each in leases],
        "fences": [each.fence for each in leases],
        "tokens": [each.token for each in leases],
        "reply_ids": [each.reply_id for each in replies],
        "statuses": [each.status for each in replies],
        "references": [text(each.reference) for each in replies],
        "elapsed": [each.elapsed for each in replies],
        "request_ids": [text(each.request_id) for each in replies],
        "sealed": [sealed_reply(ledger, *each) for each in zip(leases, replies, strict=True)],
        "poison": POISON,
    }
