"""Work held back: by a person, or because a tenant's credentials were refused. Its deadlines wait meanwhile."""

from dataclasses import dataclass
from datetime import datetime

from ledger.session import Connection

_ADD = """
INSERT INTO lockgate.pauses (provider, tenant, kind, cause, credential, "by", because)
SELECT %(provider)s, %(tenant)s, %(kind)s, %(cause)s, %(credential)s, %(by)s, %(because)s
WHERE NOT EXISTS (
    SELECT FROM lockgate.pauses WHERE lifted_at IS NULL AND provider = %(provider)s AND cause = %(cause)s
    AND tenant IS NOT DISTINCT FROM %(tenant)s AND kind IS NOT DISTINCT FROM %(kind)s)
RETURNING id
"""

# Time that a person held work back does not count against its deadline.
_LIFT = """
WITH lifted AS (
    UPDATE lockgate.pauses SET lifted_at = statement_timestamp()
    WHERE lifted_at IS NULL AND provider = %(provider)s AND cause = ANY(%(causes)s)
        AND (%(tenant)s::text IS NULL OR tenant = %(tenant)s) AND (%(kind)s::text IS NULL OR kind = %(kind)s)
    RETURNING *
), longer AS (
    UPDATE lockgate.operations o SET
        deadline_at = o.deadline_at + (l.lifted_at - greatest(l.since, o.accepted_at)),
        decide_at = o.decide_at + CASE WHEN o.decide_at >= o.deadline_at
            THEN l.lifted_at - greatest(l.since, o.accepted_at) ELSE interval '0' END
    FROM lifted l
    WHERE o.state IN ('waiting', 'unconfirmed', 'awaiting') AND o.provider = l.provider
        AND coalesce(l.tenant, o.tenant) = o.tenant AND coalesce(l.kind, o.kind) = o.kind
)
SELECT count(*) FROM lifted
"""

_NOW = """
SELECT id, provider, tenant, kind, cause, credential, "by", because, since FROM lockgate.pauses
WHERE lifted_at IS NULL AND (%(provider)s::text IS NULL OR provider = %(provider)s) ORDER BY id
"""


@dataclass(frozen=True, slots=True)
class Pause:
    """One pause that is in force; of `None` tenant or kind it holds for all."""

    id: int
    provider: str
    tenant: str | None
    kind: str | None
    cause: str
    credential: str | None
    by: str
    because: str
    since: datetime


def pause(
    connection: Connection, provider: str, *, cause: str, by: str, because: str, tenant: str | None = None,
    kind: str | None = None, credential: str | None = None,
) -> bool:  # fmt: skip
    """Hold work back; False when it is held back already for the same cause."""
    values = {
        "provider": provider, "tenant": tenant, "kind": kind, "cause": cause, "by": by, "because": because,
        "credential": credential,
    }  # fmt: skip
    return connection.execute(_ADD, values).fetchone() is not None


def lift(
    connection: Connection, provider: str, *, causes: tuple[str, ...] = ("person", "connection"),
    tenant: str | None = None, kind: str | None = None,
) -> int:  # fmt: skip
    """Let work flow again; the number of pauses lifted."""
    values = {"provider": provider, "tenant": tenant, "kind": kind, "causes": list(causes)}
    row = connection.execute(_LIFT, values).fetchone()
    return row[0] if row else 0


def in_force(connection: Connection, provider: str | None = None) -> list[Pause]:
    """The pauses in force, of one provider or of all."""
    return [Pause(*row) for row in connection.execute(_NOW, {"provider": provider}).fetchall()]
