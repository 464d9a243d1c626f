"""Operations on a list for people: the newest, by state and by what they are about, a page at a time."""

import uuid
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from ledger.session import Connection
from operations.states import State

_COLUMNS = """
id, kind, provider, tenant, business_key, generation, epoch, state, reason, effect, reference, accepted_at, ended_at
"""
# Ids are ordered by time, so a page begins where the one before ended. Only what is asked for stands in the statement: with
# `OR … IS NULL` a kept plan would walk from the newest operation to every page.
_LIST = f"""
SELECT {_COLUMNS} FROM lockgate.operations WHERE {{conditions}} ORDER BY id DESC LIMIT %(limit)s
"""  # noqa: S608  made of constants, like the next
# Of a tenant with very little in a long past that walk would be long; a few lanes are asked one by one for their newest.
_OF_FEW_LANES = f"""
SELECT {_COLUMNS} FROM lockgate.operations WHERE id = ANY(ARRAY(
    SELECT own.id FROM unnest(%(lanes)s::bigint[]) AS lane(id) CROSS JOIN LATERAL (
        SELECT id FROM lockgate.operations WHERE lane_id = lane.id AND {{conditions}}
        ORDER BY operations.id DESC LIMIT %(limit)s) own
    ORDER BY own.id DESC LIMIT %(limit)s)) AND (%(tenants)s::text[] IS NULL OR tenant = ANY(%(tenants)s)) ORDER BY id DESC
"""  # noqa: S608
_FEW = 100  # lanes; what lies in more of them is not rare, as a rule
_CONDITIONS = {
    "before": "operations.id < %(before)s",
    "state": "state = '{state}'",  # spelled out: with a parameter a kept plan could not use the index of these states
    "provider": "provider = %(provider)s",
    "tenant": "tenant = %(tenant)s",
    "kind": "kind = %(kind)s",
    "tenants": "tenant = ANY(%(tenants)s)",
}
_LANES = "SELECT id FROM lockgate.lanes WHERE {conditions} LIMIT %(few)s"
_OF_LANES = ("provider", "tenant", "kind", "tenants")
_OF = f"""
SELECT {_COLUMNS} FROM lockgate.operations
WHERE id = ANY(%(ids)s) AND (%(tenants)s::text[] IS NULL OR tenant = ANY(%(tenants)s)) ORDER BY id DESC
"""  # noqa: S608  made of the names above


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
    return [Found(*row) for row in connection.execute(*statement(connection, wanted)).fetchall()]


def statement(connection: Connection, wanted: Wanted) -> tuple[str, dict[str, Any]]:
    """The statement that finds them, and its values."""
    values = asdict(wanted) | {"few": _FEW + 1}
    asked = {name: condition for name, condition in _CONDITIONS.items() if values[name] is not None}
    query = _LIST
    if of_lanes := [condition for name, condition in asked.items() if name in _OF_LANES]:
        rows = connection.execute(_LANES.format(conditions=" AND ".join(of_lanes)), values).fetchall()
        if len(rows) <= _FEW:
            query, values["lanes"] = _OF_FEW_LANES, [lane for (lane,) in rows]
            asked = {name: condition for name, condition in asked.items() if name not in _OF_LANES}
    state = "" if wanted.state is None else State(wanted.state)
    return query.format(conditions=(" AND ".join(asked.values()) or "true").format(state=state)), values


def these(connection: Connection, ids: Sequence[uuid.UUID], tenants: list[str] | None) -> list[Found]:
    """Operations by their ids, of tenants that may be seen."""
    rows = connection.execute(_OF, {"ids": list(ids), "tenants": tenants}).fetchall()
    return [Found(*row) for row in rows]
