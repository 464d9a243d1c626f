"""Operations on a list for people: the newest, by state and by what they are about, a page at a time."""

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime

from ledger.session import Connection
from operations.states import State

# Ids are ordered by time, so a page begins where the one before ended. Only what is asked for stands in the statement: with
# `OR … IS NULL` a kept plan would walk from the newest operation to every page. Of what never was the lanes know at once;
# of a tenant with very little in a long past the walk is long all the same, and the time limit of a statement bounds it.
_LIST = """
SELECT id, kind, provider, tenant, business_key, generation, epoch, state, reason, effect, reference, accepted_at, ended_at
FROM lockgate.operations WHERE {conditions} ORDER BY id DESC LIMIT %(limit)s
"""
_CONDITIONS = {
    "before": "id < %(before)s",
    "state": "state = '{state}'",  # spelled out: with a parameter a kept plan could not use the index of these states
    "provider": "provider = %(provider)s",
    "tenant": "tenant = %(tenant)s",
    "kind": "kind = %(kind)s",
    "tenants": "tenant = ANY(%(tenants)s)",
}
_ANY = "SELECT EXISTS (SELECT FROM lockgate.lanes WHERE {conditions})"
_OF_LANES = ("provider", "tenant", "kind", "tenants")
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
    values = asdict(wanted)
    asked = [condition for name, condition in _CONDITIONS.items() if values[name] is not None]
    lanes = [_CONDITIONS[name] for name in _OF_LANES if values[name] is not None]
    if lanes and connection.execute(_ANY.format(conditions=" AND ".join(lanes)), values).fetchone() == (False,):
        return []
    state = "" if wanted.state is None else State(wanted.state)
    query = _LIST.format(conditions=(" AND ".join(asked) or "true").format(state=state))
    return [Found(*row) for row in connection.execute(query, values).fetchall()]


def these(connection: Connection, ids: Sequence[uuid.UUID], tenants: list[str] | None) -> list[Found]:
    """Operations by their ids, of tenants that may be seen."""
    rows = connection.execute(_OF, {"ids": list(ids), "tenants": tenants}).fetchall()
    return [Found(*row) for row in rows]
