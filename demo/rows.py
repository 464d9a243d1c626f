"""The ledger's side: what it says of each operation that the caller asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

from demo.asked import Asked
from ledger.session import Ledger

_ROWS = """
SELECT t.id, o.id::text, o.tenant, o.kind, coalesce(o.business_key, ''), o.idempotency_key, o.state, o.effect,
    coalesce(o.reference, ''), coalesce(o.reason, ''), coalesce(o.code, '')
FROM lockgate.tickets t JOIN lockgate.operations o ON o.id = t.operation_id
WHERE o.provider <> 'local'
    AND (t.id = ANY(%(tickets)s) OR o.business_key = ANY(%(keys)s))
"""
_UNASKED = """
SELECT t.id, o.id::text, o.tenant, o.kind, coalesce(o.business_key, ''), o.idempotency_key, o.state, o.effect,
    coalesce(o.reference, ''), coalesce(o.reason, ''), coalesce(o.code, '')
FROM lockgate.tickets t JOIN lockgate.operations o ON o.id = t.operation_id
WHERE o.provider <> 'local' AND o.accepted_at >= to_timestamp(%(since)s)
"""


@dataclass(frozen=True, slots=True)
class Row:
    """One ticket and the operation that it stands for."""

    ticket: str
    operation: str
    tenant: str
    kind: str
    key: str
    idempotency_key: str
    state: str
    effect: str
    reference: str
    reason: str
    code: str


def rows(ledger: Ledger, asked: Sequence[Asked], *, since: float) -> list[Row]:
    """Every ticket that was asked for, and every operation that was accepted since then, asked for or not.

    Args:
        ledger: where.
        asked: the caller's log.
        since: when the run began, by the wall clock.
    """
    wanted = {"tickets": [one.ticket for one in asked if one.ticket], "keys": [one.key for one in asked if one.key]}
    with ledger.connection() as connection:
        found = [
            *connection.execute(_ROWS, wanted).fetchall(),
            *connection.execute(_UNASKED, {"since": since}).fetchall(),
        ]
    return list({row[0]: Row(*row) for row in found}.values())
