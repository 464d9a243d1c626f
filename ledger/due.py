"""What is due and has no hint under way: per lane, in bounded slices, without a scan of the backlog."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from ledger.session import Connection
from operations.operation import SUSPECT

_DUE = "o.state IN ('waiting', 'unconfirmed', 'awaiting') AND o.due_at <= statement_timestamp()"
_WITHOUT_HINT = """(o.hinted_at IS NULL OR o.hint_epoch < %(epoch)s OR o.hinted_at
    < statement_timestamp() - coalesce((%(stale)s::jsonb ->> l.queue)::float8, 86400) * interval '1 second')"""

# For so long a hint is on its way to a permit; an older one lies in a queue that nobody reads, or reads slowly.
_FRESH = "interval '3 seconds'"

# Walks the index from lane to lane, and in each only the front of what is due: its cost grows with the lanes that have
# work, not with the work. Hints go out in that order, so those under way are at the front too.
_LANES = f"""
WITH RECURSIVE busy AS (
    (SELECT lane_id FROM lockgate.operations o WHERE o.state IN ('waiting', 'unconfirmed', 'awaiting')
     ORDER BY lane_id LIMIT 1)
    UNION ALL
    SELECT (SELECT o.lane_id FROM lockgate.operations o WHERE o.state IN ('waiting', 'unconfirmed', 'awaiting')
            AND o.lane_id > busy.lane_id ORDER BY o.lane_id LIMIT 1)
    FROM busy WHERE busy.lane_id IS NOT NULL
)
SELECT l.id, l.queue, l.tenant, l.provider, l.kind, l.priority, l.task, l.held_by, part.n, part.hinted,
    part.fresh, part.oldest,
    EXISTS (SELECT FROM lockgate.pauses p WHERE p.lifted_at IS NULL AND p.provider = l.provider
        AND coalesce(p.tenant, l.tenant) = l.tenant AND coalesce(p.kind, l.kind) = l.kind)
FROM busy JOIN lockgate.lanes l ON l.id = busy.lane_id
CROSS JOIN LATERAL (
    SELECT count(*) FILTER (WHERE free) AS n, count(*) FILTER (WHERE hinted) AS hinted,
        count(*) FILTER (WHERE hinted AND hinted_at > statement_timestamp() - {_FRESH}) AS fresh,
        extract(epoch FROM statement_timestamp() - min(due_at) FILTER (WHERE free))::float8 AS oldest
    FROM (SELECT o.due_at, o.hinted_at, NOT {_WITHOUT_HINT} AS hinted,
            {_WITHOUT_HINT} AND o.reason IS DISTINCT FROM 'exhausted' AS free
        FROM lockgate.operations o WHERE o.lane_id = l.id AND {_DUE}
        ORDER BY o.due_at LIMIT %(bound)s) AS front) AS part
"""  # noqa: S608  made of the constants above

_MARK = f"""
UPDATE lockgate.operations o SET hinted_at = statement_timestamp(), hint_epoch = %(epoch)s
FROM (
    SELECT picked.id, l.queue, l.priority, l.task, l.tenant, l.provider, l.id AS lane_id
    FROM unnest(%(lanes)s::bigint[], %(counts)s::int[]) AS slice(lane_id, count)
    JOIN lockgate.lanes l ON l.id = slice.lane_id
    CROSS JOIN LATERAL (
        SELECT o.id FROM lockgate.operations o WHERE o.lane_id = slice.lane_id AND {_DUE} AND {_WITHOUT_HINT}
            AND o.reason IS DISTINCT FROM 'exhausted'
        ORDER BY o.due_at LIMIT slice.count FOR UPDATE SKIP LOCKED) AS picked
) AS chosen
WHERE o.id = chosen.id
RETURNING o.ticket_id, chosen.task, chosen.queue, chosen.priority, chosen.tenant, chosen.provider, chosen.lane_id,
    o.crashes >= %(suspect)s AND chosen.provider <> 'local', o.crashes > 0
"""  # noqa: S608  made of the constants above

# In half-open one call finds out if the provider is back: an inquiry if one waits, else what is safe to repeat.
_PROBE = """
UPDATE lockgate.operations o SET hinted_at = statement_timestamp(), hint_epoch = %(epoch)s
FROM (
    SELECT o.id, l.queue, l.priority, l.task, l.tenant, l.provider, l.id AS lane_id
    FROM unnest(%(lanes)s::bigint[], %(ranks)s::int[]) AS lane(lane_id, rank)
    JOIN lockgate.lanes l ON l.id = lane.lane_id
    CROSS JOIN LATERAL (
        SELECT * FROM (
            SELECT o.id, 0 AS first FROM lockgate.operations o WHERE o.lane_id = lane.lane_id AND o.state = 'unconfirmed'
            AND o.due_at <= statement_timestamp() ORDER BY o.due_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED) AS doubtful
        UNION ALL
        SELECT * FROM (
            SELECT o.id, lane.rank FROM lockgate.operations o WHERE o.lane_id = lane.lane_id
            AND o.state IN ('waiting', 'unconfirmed', 'awaiting') AND o.due_at <= statement_timestamp()
            AND o.reason IS DISTINCT FROM 'exhausted' ORDER BY o.due_at LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED) AS due
    ) AS o
    ORDER BY o.first LIMIT 1
) AS chosen
WHERE o.id = chosen.id
RETURNING o.ticket_id, chosen.task, chosen.queue, chosen.priority, chosen.tenant, chosen.provider, chosen.lane_id,
    o.crashes >= %(suspect)s AND chosen.provider <> 'local', o.crashes > 0
"""

_HOLD = """
UPDATE lockgate.lanes l SET
    held_by = nullif(held.why, ''),
    held_since = CASE WHEN held.why = '' THEN NULL WHEN l.held_by IS NULL THEN statement_timestamp() ELSE l.held_since END,
    paced_until = CASE WHEN held.why = '' THEN '-infinity'::timestamptz
        ELSE statement_timestamp() + %(seconds)s * interval '1 second' END
FROM unnest(%(lanes)s::bigint[], %(reasons)s::text[]) AS held(lane_id, why)
WHERE l.id = held.lane_id
"""


@dataclass(frozen=True, slots=True)
class Backlog:
    """One lane that has operations which are not ended.

    Attributes:
        due: due without a hint under way, at the front of the lane.
        hinted: due with one, at the front of the lane.
        fresh: of these, with one of the last seconds, which will soon ask for its permit.
        oldest: seconds since the oldest of `due` fell due; None where there is none.
        held_by: why the sweep held the lane back when it last looked.
    """

    lane_id: int
    queue: str
    tenant: str
    provider: str
    kind: str
    priority: int
    task: str
    held_by: str | None
    due: int
    hinted: int
    fresh: int
    oldest: float | None
    paused: bool


@dataclass(slots=True)  # not frozen: that would take five times as long to make
class Hint:
    """What is published for one operation: a name, and what admission needs; nothing personal. Nobody changes it.

    Attributes:
        lane_id: where it waits; 0 where nobody asks.
        alone: it took down whoever carried it out, and gets a process of its own.
        lapsed: its last claim was lost with the worker: it is not claimed in company again.
        probe: it finds out if the provider is back.
    """

    ticket_id: str
    task: str
    queue: str
    priority: int
    tenant: str
    provider: str
    lane_id: int = 0
    alone: bool = False
    lapsed: bool = False
    probe: bool = False


def backlogs(connection: Connection, *, epoch: int, stale: str, bound: int) -> list[Backlog]:
    """The lanes with work.

    Args:
        connection: to the ledger.
        epoch: the hint epoch; hints of an earlier one were lost with Redis.
        stale: JSON of seconds per queue after which a hint is taken for lost.
        bound: how many due operations of a lane are looked at; more than there may be hints under way, or a lane whose hints
            nobody takes would get ever more of them.
    """
    rows = connection.execute(_LANES, {"epoch": epoch, "stale": stale, "bound": bound}).fetchall()
    return [Backlog(*row) for row in rows]


def mark_hinted(connection: Connection, counts: Mapping[int, int], *, epoch: int, stale: str) -> list[Hint]:
    """Note the oldest due operations of each lane as hinted, and return the hints to publish once that is committed."""
    values = {"lanes": list(counts), "counts": list(counts.values()), "epoch": epoch, "stale": stale}
    values["suspect"] = SUSPECT
    return [Hint(*row) for row in connection.execute(_MARK, values).fetchall()]


def mark_probe(connection: Connection, lanes: Sequence[tuple[int, int]], *, epoch: int) -> Hint | None:
    """Choose the one operation that finds out if a provider is back.

    Args:
        connection: to the ledger.
        lanes: the provider's lanes, each with the rank of its means: the lower is the better probe.
        epoch: the hint epoch.
    """
    values = {"lanes": [lane for lane, _ in lanes], "ranks": [rank for _, rank in lanes], "epoch": epoch}
    values["suspect"] = SUSPECT
    row = connection.execute(_PROBE, values).fetchone()
    return None if row is None else replace(Hint(*row), probe=True)


def hold_lanes(connection: Connection, reasons: Mapping[int, str], *, seconds: float) -> None:
    """Note why lanes are held back (an empty reason frees one); for so long, accepting leaves the hints to the sweep."""
    values = {"lanes": list(reasons), "reasons": list(reasons.values()), "seconds": seconds}
    connection.execute(_HOLD, values)


def hinted_for(connection: Connection, ticket_ids: Sequence[str]) -> dict[str, float]:
    """For how many seconds hints at these tickets are under way; those of which none is are left out."""
    if not ticket_ids:
        return {}
    rows = connection.execute(
        "SELECT t.id, extract(epoch FROM statement_timestamp() - o.hinted_at)::float8 FROM lockgate.tickets t "
        "JOIN lockgate.operations o ON o.id = t.operation_id WHERE t.id = ANY(%s) AND o.hinted_at IS NOT NULL",
        [list(ticket_ids)],
    )
    return dict(rows.fetchall())


def unhint(connection: Connection, ticket_ids: Sequence[str]) -> list[int]:
    """Hints at these tickets were dropped: their operations may be hinted at again. Returns the lane of each."""
    rows = connection.execute(
        "UPDATE lockgate.operations SET hinted_at = NULL WHERE id IN (SELECT id FROM lockgate.operations "
        "WHERE id IN (SELECT operation_id FROM lockgate.tickets WHERE id = ANY(%s)) "
        "AND state IN ('waiting', 'unconfirmed', 'awaiting') FOR NO KEY UPDATE SKIP LOCKED) RETURNING lane_id",
        [list(ticket_ids)],
    )
    return [lane for (lane,) in rows]
