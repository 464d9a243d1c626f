"""Operations on a list for people: the newest, by state and by what they are about, a page at a time."""

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from ledger.session import Connection

# Ids are ordered by time, so a page begins where the one before ended. Of a rare state in a long past the index is walked;
# what nobody may wait for is bounded by the time limit of a statement.
_LIST = """
SELECT id, kind, provider, tenant, business_key, generation, epoch, state, reason, effect, reference, accepted_at, ended_at
FROM lockgate.operations
WHERE (%(before)s::uuid IS NULL OR id < %(before)s) AND (%(state)s::text IS NULL OR state = %(state)s)
    AND (%(provider)s::text IS NULL OR provider = %(provider)s) AND (%(tenant)s::text IS NULL OR tenant = %(tenant)s)
    AND (%(kind)s::text IS NULL OR kind = %(kind)s)
    AND (%(tenants)s::text[] IS NULL OR tenant = ANY(%(tenants)s))
ORDER BY id DESC LIMIT %(limit)s
"""
_OF = """
SELECT id, kind, provider, tenant, business_key, generation, epoch, state, reason, effect, reference, accepted_at, ended_at
FROM lockgate.operations WHERE id = ANY(%(ids)s) AND (%(tenants)s::text[] IS NULL OR tenant = ANY(%(tenants)s))
ORDER BY id DESC
"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which operations: what a filter leaves out has None."""

    state: str | None = None
    provider: str | None = None
    tenant: str | None = None
    kind: str | None = None
    tenants: list[str] | None = None
    before: uuid.UUID | None = None
    limit: int = 50


@dataclass(frozen=True, slots=True)
class Found:
    """One operation on a list."""

    id: uuid.UUID
    kind: str
    provider: str
    tenant: str
    business_key: str | None
    generation: int
    epoch: int
    state: str
    reason: str | None
    effect: str
    reference: str | None
    accepted_at: datetime
    ended_at: datetime | None


def listed(connection: Connection, wanted: Wanted) -> list[Found]:
    """The newest operations."""
    return [Found(*row) for row in connection.execute(_LIST, asdict(wanted)).fetchall()]


def these(connection: Connection, ids: Sequence[uuid.UUID], tenants: list[str] | None) -> list[Found]:
    """Operations by their ids, of tenants that may be seen."""
    rows = connection.execute(_OF, {"ids": list(ids), "tenants": tenants}).fetchall()
    return [Found(*row) for row in rows]
