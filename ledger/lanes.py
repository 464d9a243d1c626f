"""Where operations queue up: each (queue, tenant, provider, kind, priority) is a lane with an id."""

from collections.abc import Iterable
from dataclasses import dataclass

from ledger.session import Ledger

LOCAL = "local"  # the provider of plain tasks
SPARE = 10  # the priority, behind all that callers may give, of work that leaves a reserve of each limit to live work


@dataclass(frozen=True, slots=True)
class LaneKey:
    """What makes a lane. `task` is the Celery task that carries its operations out."""

    queue: str
    tenant: str
    provider: str
    kind: str
    priority: int
    task: str


_FIND_OR_ADD = """
INSERT INTO lockgate.lanes (queue, tenant, provider, kind, priority, task)
VALUES (%s, %s, %s, %s, %s, %s)
ON CONFLICT (queue, tenant, provider, kind, priority) DO UPDATE SET task = excluded.task
RETURNING id
"""


def lane_ids(ledger: Ledger, lanes: Iterable[LaneKey]) -> dict[LaneKey, int]:
    """The ids of lanes, adding those that are new.

    They are committed on a connection of their own: a lane outlives the transaction that first needed it, and an id
    that a rollback took away must never be remembered.
    """
    wanted = set(lanes)
    missing = [lane for lane in wanted if lane not in ledger.lanes]
    if missing:
        with ledger.connection() as connection:
            for lane in missing:
                row = connection.execute(
                    _FIND_OR_ADD, [lane.queue, lane.tenant, lane.provider, lane.kind, lane.priority, lane.task]
                ).fetchone()
                assert row is not None
                ledger.lanes[lane] = row[0]
    return {lane: ledger.lanes[lane] for lane in wanted}
