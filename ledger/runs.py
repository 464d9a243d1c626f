"""Requeues of many: the frozen set of a plan, and a run as it goes. What may be done is decided in `deadletter`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from ledger import run_letters
from ledger.session import Connection

ACTIVE = ("canary", "running")
_RUN = (
    "id", "name", "state", "filter", "figures", "canary", "tolerate", "width", "proven", "gone_before", "because",
    "planned_at", "planned_by", "started_at", "started_by", "ended_at", "why",
)  # fmt: skip
_SELECT = f"SELECT {', '.join(_RUN)} FROM lockgate.runs"  # noqa: S608  made of the names above
_ADD = """
INSERT INTO lockgate.runs (name, filter, canary, tolerate, width, because, planned_by)
VALUES (%(name)s, %(filter)s, %(canary)s, %(tolerate)s, %(canary)s, %(because)s, %(by)s) RETURNING id
"""
_MOVE = """
UPDATE lockgate.runs SET state = %(state)s, why = %(why)s,
    started_at = CASE WHEN %(begins)s THEN coalesce(started_at, statement_timestamp()) ELSE started_at END,
    started_by = CASE WHEN %(begins)s THEN %(by)s ELSE started_by END,
    ended_at = CASE WHEN %(state)s IN ('cancelled', 'done', 'stopped') THEN statement_timestamp() END
WHERE id = %(id)s
"""


@dataclass(frozen=True, slots=True)
class Run:
    """A plan, and what became of it.

    Attributes:
        state: planned, canary, running, paused, stopped, cancelled or done.
        filter: what its set was frozen from.
        figures: of the dry run, see `deadletter.plan`.
        canary: letters that go first, and must come home before others go.
        tolerate: letters that may come back as they had been before it stops itself.
        width: letters that may be on their way at once.
        proven: letters that came home since the width was last widened.
        gone_before: letters that had gone when it was last begun: its canary is those that go after them.
        why: why it is stopped, or was paused or cancelled.
    """

    id: int
    name: str
    state: str
    filter: Mapping[str, Any]
    figures: Mapping[str, Any]
    canary: int
    tolerate: int
    width: int
    proven: int
    gone_before: int
    because: str
    planned_at: datetime
    planned_by: str
    started_at: datetime | None
    started_by: str | None
    ended_at: datetime | None
    why: str | None

    @property
    def active(self) -> bool:
        """Whether the sweep drives it."""
        return self.state in ACTIVE


def add(
    connection: Connection, *, name: str, wanted: Mapping[str, Any], canary: int, tolerate: int, because: str, by: str
) -> int:
    """A plan without letters; its number."""
    values = {
        "name": name, "filter": Jsonb(dict(wanted)), "canary": canary, "tolerate": tolerate, "because": because, "by": by,
    }  # fmt: skip
    row = connection.execute(_ADD, values).fetchone()
    assert row is not None
    return int(row[0])


def figure(connection: Connection, run_id: int, figures: Mapping[str, Any]) -> None:
    """Keep what the dry run came to."""
    connection.execute("UPDATE lockgate.runs SET figures = %s WHERE id = %s", [Jsonb(dict(figures)), run_id])


def get(connection: Connection, run_id: int) -> Run | None:
    """One run; None when there is none."""
    row = connection.execute(f"{_SELECT} WHERE id = %s", [run_id]).fetchone()
    return None if row is None else Run(*row)


def lock(connection: Connection, run_id: int) -> Run | None:
    """The same, held until the transaction ends."""
    row = connection.execute(f"{_SELECT} WHERE id = %s FOR UPDATE", [run_id]).fetchone()
    return None if row is None else Run(*row)


def lock_free(connection: Connection, run_id: int) -> Run | None:
    """The same, unless somebody else holds it."""
    row = connection.execute(f"{_SELECT} WHERE id = %s FOR UPDATE SKIP LOCKED", [run_id]).fetchone()
    return None if row is None else Run(*row)


def listed(connection: Connection, before: int | None = None, limit: int = 50) -> list[Run]:
    """A page of runs, the newest first."""
    query = f"{_SELECT} WHERE id < coalesce(%s::bigint, 9223372036854775807) ORDER BY id DESC LIMIT %s"
    return [Run(*row) for row in connection.execute(query, [before, limit]).fetchall()]


def active(connection: Connection) -> list[int]:
    """The runs that are to be driven."""
    query = "SELECT id FROM lockgate.runs WHERE state IN ('canary', 'running') ORDER BY id"
    return [number for (number,) in connection.execute(query).fetchall()]


def resting(connection: Connection) -> list[int]:
    """The runs that send nothing (any more) and have letters on their way."""
    query = """
    SELECT r.id FROM lockgate.runs r WHERE r.state IN ('paused', 'stopped', 'cancelled') AND EXISTS (
        SELECT FROM lockgate.run_letters l WHERE l.run_id = r.id AND l.state = 'sent') ORDER BY r.id
    """
    return [number for (number,) in connection.execute(query).fetchall()]


def goes_on(connection: Connection, run_id: int) -> bool:
    """Whether the run goes on; until the transaction ends nobody can pause, stop or cancel it."""
    row = connection.execute("SELECT state FROM lockgate.runs WHERE id = %s FOR SHARE", [run_id]).fetchone()
    return row is not None and row[0] in ACTIVE


def move(
    connection: Connection, run: Run, state: str, *, by: str, why: str | None = None, begins: bool = False
) -> None:
    """Give a run that the caller has locked another state; `begins`: by whose order it is driven from now on."""
    connection.execute(_MOVE, {"id": run.id, "state": state, "by": by, "why": why, "begins": begins})


def widen(connection: Connection, run: Run, *, width: int, proven: int) -> None:
    """How many may be on their way at once from now on."""
    connection.execute("UPDATE lockgate.runs SET width = %s, proven = %s WHERE id = %s", [width, proven, run.id])


def forgive(connection: Connection, run: Run) -> None:
    """What has come back so far does not count any more, and it begins anew with a canary."""
    connection.execute(
        "UPDATE lockgate.run_letters SET forgiven = true WHERE run_id = %s AND state = 'back' AND NOT forgiven",
        [run.id],
    )
    connection.execute(
        "UPDATE lockgate.runs SET width = canary, proven = 0, gone_before = %s WHERE id = %s",
        [run_letters.counts(connection, run.id).went, run.id],
    )
