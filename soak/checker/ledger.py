"""What the ledger says: a dump, written with plain SQL and read from its file. Another system may write the same rows.

A line is a table's name and one of its rows, `["operations", {…}]`. Of the tables below the checker uses the columns below;
a subject without attempts, replies, letters or breaker moves leaves them out, and is not judged by them.
"""

import json
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg

FILE = "ledger.jsonl"
ENDS = frozenset({"succeeded", "declined", "dead", "discarded", "superseded"})
_TABLES = {
    "operations": (
        "id::text, tenant, kind, business_key AS key, ARRAY[idempotency_key] AS marks, state, effect, reason, code, "
        "reference, epoch, generation, fence, crashes, extract(epoch FROM accepted_at)::float8 AS accepted_at, "
        "extract(epoch FROM ended_at)::float8 AS ended_at, extract(epoch FROM due_at)::float8 AS due_at, "
        "extract(epoch FROM lease_until)::float8 AS lease_until"
    ),
    "tickets": "id, operation_id::text AS operation",
    "attempts": (
        "operation_id::text AS operation, number, purpose, worker, extract(epoch FROM started_at)::float8 AS at, "
        "extract(epoch FROM lease_until)::float8 AS lease_until"
    ),
    "replies": (
        "operation_id::text AS operation, number, outcome, error_class, effect, status, code, reference, late, "
        "extract(epoch FROM heard_at)::float8 AS at"
    ),
    "dead_letters": (
        "operation_id::text AS operation, epoch, reason, effect, code, status, extract(epoch FROM dead_at)::float8 AS at"
    ),
    "breaker_moves": "provider, before, after, trip, extract(epoch FROM at)::float8 AS at",
}
_WHERE = {
    "operations": "provider <> 'local'",
    "tickets": "operation_id IN (SELECT id FROM lockgate.operations WHERE provider <> 'local')",
}


@dataclass(slots=True)
class Operation:
    """One row of operations, with what hangs on it."""

    id: str
    tenant: str
    kind: str
    key: str
    state: str
    effect: str
    marks: list[str]
    reason: str | None = None
    code: str | None = None
    reference: str | None = None
    epoch: int = 1
    generation: int = 1
    fence: int = 0
    crashes: int = 0
    accepted_at: float = 0.0
    ended_at: float | None = None
    due_at: float | None = None
    lease_until: float | None = None
    tickets: list[str] = field(default_factory=list)
    attempts: list[dict[str, Any]] = field(default_factory=list)
    replies: list[dict[str, Any]] = field(default_factory=list)
    letters: list[dict[str, Any]] = field(default_factory=list)

    @property
    def identity(self) -> tuple[str, str, str]:
        """What it stands for."""
        return self.tenant, self.kind, self.key

    @property
    def ended(self) -> bool:
        """Whether it is decided."""
        return self.state in ENDS

    @property
    def end(self) -> str:
        """`succeeded`, `declined`, `dead/none`, …; what has not ended by its state."""
        return f"dead/{self.effect}" if self.state == "dead" else self.state

    @property
    def said(self) -> str:
        """In words."""
        return f"{self.end} ({self.reason or self.code or self.reference or 'no reason given'})"


@dataclass(slots=True)
class Dump:
    """All of it.

    Attributes:
        told: tables that the subject's dump speaks of at all.
    """

    operations: list[Operation] = field(default_factory=list)
    breaker: list[dict[str, Any]] = field(default_factory=list)
    told: set[str] = field(default_factory=set)


def write(database_url: str, folder: Path) -> None:
    """Write the dump of a Lockgate ledger: one snapshot of all tables.

    Args:
        database_url: where it is.
        folder: the run's.
    """
    with psycopg.connect(database_url) as connection, (folder / FILE).open("w") as output:
        connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ READ ONLY")
        for table, columns in _TABLES.items():
            where = f" WHERE {_WHERE[table]}" if table in _WHERE else ""
            output.write(json.dumps([table, None]) + "\n")
            rows = connection.execute(
                f"SELECT row_to_json(t)::text FROM (SELECT {columns} FROM lockgate.{table}{where}) t"
            )
            for (row,) in rows:
                output.write(f'["{table}", {row}]\n')


def read(folder: Path) -> Dump:
    """Read a dump."""
    lines = [json.loads(line) for line in (folder / FILE).read_text().splitlines()]
    dump = Dump(told={table for table, _ in lines})
    rows: dict[str, list[dict[str, Any]]] = defaultdict(list)
    for table, row in lines:
        if row is not None:
            rows[table].append(row)
    dump.operations = [Operation(**row) for row in rows["operations"]]
    dump.breaker = sorted(rows["breaker_moves"], key=lambda move: move["at"])
    by_id = {operation.id: operation for operation in dump.operations}
    for ticket in rows["tickets"]:
        if ticket["operation"] in by_id:
            by_id[ticket["operation"]].tickets.append(ticket["id"])
    for table, name in (("attempts", "attempts"), ("replies", "replies"), ("dead_letters", "letters")):
        _hang_on(by_id, rows[table], name)
    return dump


def _hang_on(by_id: dict[str, Operation], rows: Iterable[dict[str, Any]], name: str) -> None:
    for row in sorted(rows, key=lambda row: row["at"]):
        if row["operation"] in by_id:
            getattr(by_id[row["operation"]], name).append(row)
