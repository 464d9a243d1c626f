"""What waits, and why, for people: per lane and reason, counted up to a bound."""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.session import Connection

BOUND = 10_000  # of one lane; a backlog of a million must not cost a scan of it

_WAITING = """
SELECT l.provider, l.tenant, l.kind, part.state, CASE
        WHEN EXISTS (SELECT FROM lockgate.pauses p WHERE p.lifted_at IS NULL AND p.provider = l.provider
            AND coalesce(p.tenant, l.tenant) = l.tenant AND coalesce(p.kind, l.kind) = l.kind) THEN 'paused'
        WHEN part.state = 'waiting' AND part.due_at > statement_timestamp() THEN coalesce(part.reason, 'backoff')
        ELSE coalesce(l.held_by, part.reason, '') END AS why,
    count(*), extract(epoch FROM statement_timestamp() - min(part.accepted_at))::float8,
    extract(epoch FROM min(part.due_at) - statement_timestamp())::float8
FROM lockgate.lanes l CROSS JOIN LATERAL (
    SELECT o.state, o.reason, o.due_at, o.accepted_at FROM lockgate.operations o
    WHERE o.lane_id = l.id AND o.state IN ('waiting', 'unconfirmed', 'awaiting')
    ORDER BY o.due_at LIMIT %(bound)s) AS part
WHERE l.provider = ANY(%(providers)s) AND (%(tenants)s::text[] IS NULL OR l.tenant = ANY(%(tenants)s))
GROUP BY 1, 2, 3, 4, 5 ORDER BY 1, 2, 3, 4, 5
"""

_CALLING = """
SELECT provider, count(*) FROM lockgate.operations
WHERE state = 'calling' AND (%(tenants)s::text[] IS NULL OR tenant = ANY(%(tenants)s)) GROUP BY provider
"""
# What is kept, with what is not added up yet: neither a million letters nor thousands of groups are counted to be shown. The
# letters of the latter are looked up one by one, for they are few, and PostgreSQL may remember them as many.
_DEAD = """
SELECT provider, sum(open)::bigint FROM (
    SELECT provider, open FROM lockgate.open_letters
    WHERE %(tenants)s::text[] IS NULL OR tenant = ANY(%(tenants)s)
    UNION ALL
    SELECT (SELECT d.provider FROM lockgate.dead_letters d WHERE d.id = c.newest), c.open FROM lockgate.group_changes c
    WHERE %(tenants)s::text[] IS NULL OR c.tenant = ANY(%(tenants)s)
) AS kept GROUP BY provider HAVING sum(open) > 0
"""
_LANES = """
SELECT DISTINCT provider, tenant, kind FROM lockgate.lanes
WHERE provider = ANY(%(providers)s) AND (%(tenants)s::text[] IS NULL OR tenant = ANY(%(tenants)s)) ORDER BY 1, 2, 3
"""


@dataclass(frozen=True, slots=True)
class Waiting:
    """What waits in one lane for one reason.

    Attributes:
        count: up to `BOUND` in a lane.
        oldest: seconds since the oldest of them was accepted.
        due_in: seconds until the first of them falls due; negative when it has.
    """

    provider: str
    tenant: str
    kind: str
    state: str
    why: str
    count: int
    oldest: float
    due_in: float


def waiting(
    connection: Connection, providers: Sequence[str], tenants: Sequence[str] | None = None
) -> list[Waiting]:  # fmt: skip
    """What waits at these providers, and why; of all tenants, or of some."""
    values = {"providers": list(providers), "tenants": _listed(tenants), "bound": BOUND}
    rows = connection.execute(_WAITING, values).fetchall()
    return [Waiting(*row) for row in rows]


def calling(connection: Connection, tenants: Sequence[str] | None = None) -> dict[str, int]:
    """Operations in somebody's hands, by provider; of all tenants, or of some."""
    return dict(connection.execute(_CALLING, {"tenants": _listed(tenants)}).fetchall())


def dead(connection: Connection, tenants: Sequence[str] | None = None) -> dict[str, int]:
    """Open dead letters, by provider; of all tenants, or of some."""
    return dict(connection.execute(_DEAD, {"tenants": _listed(tenants)}).fetchall())


def _listed(tenants: Sequence[str] | None) -> list[str] | None:
    return None if tenants is None else list(tenants)


def lanes(
    connection: Connection, providers: Sequence[str], tenants: Sequence[str] | None = None
) -> list[tuple[str, str, str]]:  # fmt: skip
    """Every (provider, tenant, kind) that ever had work at these providers; of all tenants, or of some."""
    values = {"providers": list(providers), "tenants": _listed(tenants)}
    return [(row[0], row[1], row[2]) for row in connection.execute(_LANES, values).fetchall()]
