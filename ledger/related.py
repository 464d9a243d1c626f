"""Operations about the same entity: a tenant's whose keys begin alike, as order:1001:payment and order:1001:refund."""

import uuid
from dataclasses import dataclass
from datetime import datetime

from ledger.run_letters import ENTITY
from ledger.session import Connection

_RELATED = f"""
SELECT p.id, p.provider, p.kind, p.business_key, p.state, p.effect, p.reference, p.accepted_at, p.accepted_at > o.accepted_at
FROM (SELECT *, {ENTITY.format(key="business_key")} AS entity FROM lockgate.operations WHERE id = %(id)s) o
JOIN lockgate.business_keys k ON k.tenant = o.tenant
    AND (k.business_key = o.entity OR (k.business_key ~>=~ (o.entity || ':') AND k.business_key ~<~ (o.entity || ';')))
JOIN lockgate.operations p ON p.id = k.operation_id
WHERE p.id <> o.id ORDER BY p.accepted_at DESC LIMIT %(limit)s
"""  # noqa: S608  made of the constant above


@dataclass(frozen=True, slots=True)
class Related:
    """An operation about the same entity; `later`: it was accepted after the one that is looked at."""

    id: uuid.UUID
    provider: str
    kind: str
    business_key: str
    state: str
    effect: str
    reference: str | None
    accepted_at: datetime
    later: bool


def related(connection: Connection, operation_id: uuid.UUID, limit: int = 20) -> list[Related]:
    """The current generations of the other keys about the same entity, the newest first."""
    rows = connection.execute(_RELATED, {"id": operation_id, "limit": limit}).fetchall()
    return [Related(*row) for row in rows]
