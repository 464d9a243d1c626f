"""The ledger's side: what it says of each operation that the caller asked for."""

from collections.abc import Sequence
from dataclasses import dataclass

from demo.asked import Asked
from ledger.session import Ledger

_ROWS = """
SELECT t.id, o.id::text, o.tenant, o.kind, coalesce(o.business_key, ''), o.idempotency_key, o.state, o.effect,
    coalesce(o.reference, ''), coalesce(o.reason, ''), coalesce(o.code, ''),
    coalesce(o.supersedes::text, '')
FROM lockgate.tickets t JOIN lockgate.operations o ON o.id = t.operation_id
WHERE o.provider <> 'local' AND (%(everything)s OR t.id = ANY(%(tickets)s) OR o.business_key = ANY(%(keys)s))
"""
_KEYS = "SELECT idempotency_key FROM lockgate.operations WHERE provider <> 'local'"


@dataclass(frozen=True, slots=True)
class Row:
    """One ticket and the operation that it stands for; `supersedes` is the generation before it."""

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
    supersedes: str = ""


def rows(ledger: Ledger, asked: Sequence[Asked], *, everything: bool) -> list[Row]:
    """The tickets that were asked for; or all there are, so that what nobody asked for is seen.

    Args:
        ledger: where.
        asked: the caller's log.
        everything: whether the ledger is this run's alone. In one that is not, earlier runs go on with their own.
    """
    tickets = [one.ticket for one in asked if one.ticket]
    wanted = {"tickets": tickets, "keys": [one.key for one in asked if one.key], "everything": everything}
    with ledger.connection() as connection:
        return [Row(*row) for row in connection.execute(_ROWS, wanted).fetchall()]


def of_others(ledger: Ledger, ours: Sequence[Row]) -> frozenset[str]:
    """The keys of operations that are not among ours: what earlier runs left still has its effects during this one."""
    with ledger.connection() as connection:
        known = {key for (key,) in connection.execute(_KEYS).fetchall()}
    return frozenset(known - {row.idempotency_key for row in ours})
