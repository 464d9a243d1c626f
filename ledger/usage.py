"""What was sent lately, for limits that Redis forgot."""

from collections.abc import Iterable
from dataclasses import dataclass

from ledger.session import Connection

_SENT = """
SELECT l.provider, l.tenant, l.kind, sum(a.cost)::float8,
    floor(extract(epoch FROM statement_timestamp() - a.started_at) / %(grain)s)::int AS age
FROM lockgate.attempts a JOIN lockgate.lanes l ON l.id = a.lane_id
WHERE a.started_at > statement_timestamp() - %(window)s * interval '1 second' AND l.provider = ANY(%(providers)s)
GROUP BY l.provider, l.tenant, l.kind, age
"""

_LEASES = """
SELECT o.provider, o.tenant, o.kind, o.lease_token::text,
    extract(epoch FROM o.lease_until - statement_timestamp())::float8
FROM lockgate.operations o WHERE o.state = 'calling' AND o.provider = ANY(%(providers)s)
"""


@dataclass(frozen=True, slots=True)
class SentLately:
    """The cost that one lane's attempts used, begun between `ago` and `ago` plus a grain of seconds ago."""

    provider: str
    tenant: str
    kind: str
    cost: float
    ago: float


@dataclass(frozen=True, slots=True)
class LiveLease:
    """One call that may be under way, for at most `left` seconds."""

    provider: str
    tenant: str
    kind: str
    token: str
    left: float


def sent_lately(connection: Connection, providers: Iterable[str], *, window: float, grain: float) -> list[SentLately]:
    """The cost of the attempts begun in the last `window` seconds, by lane and age."""
    values = {"providers": list(providers), "window": window, "grain": grain}
    rows = connection.execute(_SENT, values).fetchall()
    return [SentLately(provider, tenant, kind, cost, age * grain) for provider, tenant, kind, cost, age in rows]


def live_leases(connection: Connection, providers: Iterable[str]) -> list[LiveLease]:
    """The calls that may be under way."""
    return [LiveLease(*row) for row in connection.execute(_LEASES, {"providers": list(providers)}).fetchall()]
