"""Limits that people lowered for a while: rows, of which Redis gets a copy."""

from dataclasses import dataclass
from datetime import datetime

from ledger.audit import Order
from ledger.session import Connection
from resilience.lowered import Lowered

_END = """
UPDATE lockgate.lowered SET lifted_at = statement_timestamp()
WHERE lifted_at IS NULL AND ends_at > statement_timestamp() AND provider = %(provider)s
    AND (%(every)s OR (tenant IS NOT DISTINCT FROM %(tenant)s AND kind IS NOT DISTINCT FROM %(kind)s))
RETURNING tenant, kind, calls, per, "by", because, ends_at
"""

_ADD = """
INSERT INTO lockgate.lowered (provider, tenant, kind, calls, per, "by", because, ends_at)
VALUES (%(provider)s, %(tenant)s, %(kind)s, %(calls)s, %(per)s, %(by)s, %(because)s,
    statement_timestamp() + %(seconds)s * interval '1 second')
RETURNING ends_at
"""
_ONE_AT_A_TIME = 7_030_603  # with the provider's name, the key of the advisory lock under which they change

_IN_FORCE = """
SELECT provider, coalesce(tenant, ''), coalesce(kind, ''), calls, per, "by", because, since, ends_at,
    extract(epoch FROM ends_at - statement_timestamp())::float8
FROM lockgate.lowered WHERE lifted_at IS NULL AND ends_at > statement_timestamp()
    AND (%(provider)s::text IS NULL OR provider = %(provider)s) ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class InForce:
    """One that is in force, and who ordered it."""

    provider: str
    limit: Lowered
    by: str
    because: str
    since: datetime
    ends_at: datetime


@dataclass(frozen=True, slots=True)
class Ended:
    """One that was ended before its time."""

    tenant: str | None
    kind: str | None
    calls: int
    per: float
    by: str
    because: str
    ends_at: datetime


def lower(
    connection: Connection, provider: str, order: Order, *, tenant: str | None, kind: str | None, calls: int, per: float,
    seconds: float,
) -> tuple[datetime, list[Ended]]:  # fmt: skip
    """Set a limit for so many seconds, in place of the one that holds for the same work.

    Returns:
        When it ends, and what it took the place of.
    """
    connection.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_ONE_AT_A_TIME, provider])
    whom = {"provider": provider, "tenant": tenant, "kind": kind}
    before = connection.execute(_END, whom | {"every": False}).fetchall()
    said = {"calls": calls, "per": per, "seconds": seconds, "by": order.actor, "because": order.because}
    row = connection.execute(_ADD, whom | said).fetchone()
    assert row is not None
    return row[0], [Ended(*each) for each in before]


def lift(connection: Connection, provider: str, *, tenant: str | None, kind: str | None) -> list[Ended]:
    """End the limit of a tenant's or kind's work, or with neither all of the provider's; those that were ended."""
    values = {"provider": provider, "tenant": tenant, "kind": kind, "every": tenant is None and kind is None}
    return [Ended(*row) for row in connection.execute(_END, values).fetchall()]


def in_force(connection: Connection, provider: str | None = None) -> list[InForce]:
    """Those in force, of one provider or of all."""
    rows = connection.execute(_IN_FORCE, {"provider": provider}).fetchall()
    return [
        InForce(provider, Lowered(calls, per, tenant, kind, left), by, because, since, ends_at)
        for provider, tenant, kind, calls, per, by, because, since, ends_at, left in rows
    ]
