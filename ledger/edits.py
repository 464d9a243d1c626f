"""Corrected arguments for a dead letter's next generation: proposed by one person, approved by another where it is money.

Arguments may be personal, so they and their differences are sealed; the audit names the fields alone.
"""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from ledger.letters import Dead
from ledger.session import Connection, Ledger
from operations.errors import NotAllowedError

_COLUMNS = (
    "id, letter_id, operation_id, tenant, new_operation_id, state, by, because, at, decided_by, decided_at, sealed"
)
_ADD = f"""
INSERT INTO lockgate.edits (letter_id, operation_id, tenant, sealed, by, because)
VALUES (%(letter_id)s, %(operation_id)s, %(tenant)s, %(sealed)s, %(by)s, %(because)s) RETURNING {_COLUMNS}
"""  # noqa: S608  made of the constant above
_DECIDE = f"""
UPDATE lockgate.edits SET state = %(state)s, decided_by = %(by)s, decided_at = statement_timestamp(),
    new_operation_id = %(new)s
WHERE id = %(id)s AND state = 'waiting' RETURNING {_COLUMNS}
"""  # noqa: S608  made of the constant above
_SELECT = f"SELECT {_COLUMNS} FROM lockgate.edits e"  # noqa: S608  made of the constant above
_WAITING = f"""
{_SELECT} WHERE state = 'waiting' AND EXISTS (
    SELECT FROM lockgate.dead_letters d WHERE d.id = e.letter_id AND d.status = 'open') ORDER BY id LIMIT %s
"""
_WAITS = "SELECT by, at FROM lockgate.edits WHERE letter_id = %s AND state = 'waiting'"


@dataclass(frozen=True, slots=True)
class Edit:
    """Corrected arguments.

    Attributes:
        new_operation_id: the next generation, once there is one.
        state: waiting (for a second person), applied or rejected.
        arguments: all of them, as they shall be.
        difference: of each field that is changed, before and after.
    """

    id: int
    letter_id: int
    operation_id: uuid.UUID
    tenant: str
    new_operation_id: uuid.UUID | None
    state: str
    by: str
    because: str
    at: datetime
    decided_by: str | None
    decided_at: datetime | None
    arguments: Mapping[str, Any]
    difference: Mapping[str, Sequence[Any]]

    @property
    def fields(self) -> list[str]:
        """The names of what is changed."""
        return sorted(self.difference)


def add(
    ledger: Ledger, connection: Connection, dead: Dead, *, arguments: Mapping[str, Any],
    difference: Mapping[str, Sequence[Any]], by: str, because: str,
) -> Edit:  # fmt: skip
    """Keep an edit that waits.

    Raises:
        NotAllowedError: another one of the same letter does.
    """
    content = {"arguments": dict(arguments), "difference": {name: list(both) for name, both in difference.items()}}
    letter = dead.letter
    values = {
        "letter_id": letter.id, "operation_id": dead.id, "tenant": dead.tenant, "by": by, "because": because,
        "sealed": ledger.sealer.seal(content, column="edits", tenant=dead.tenant, row=str(letter.id)),
    }  # fmt: skip
    try:
        with connection.transaction():
            row = connection.execute(_ADD, values).fetchone()
    except psycopg.errors.UniqueViolation:
        other = connection.execute(_WAITS, [letter.id]).fetchone()
        who = f" by {other[0]} of {other[1]:%Y-%m-%d %H:%M}" if other else ""
        raise NotAllowedError(
            f"an edit of {letter.name}{who} waits for approval: decide about that one first"
        ) from None
    assert row is not None
    return _edit(ledger, row)


def lock(ledger: Ledger, connection: Connection, edit_id: int) -> Edit | None:
    """One edit, held until the transaction ends."""
    row = connection.execute(f"{_SELECT} WHERE id = %s FOR UPDATE", [edit_id]).fetchone()
    return None if row is None else _edit(ledger, row)


def decide(
    ledger: Ledger, connection: Connection, edit: Edit, state: str, *, by: str, new: uuid.UUID | None = None
) -> Edit:
    """Say what became of an edit that waits."""
    row = connection.execute(_DECIDE, {"state": state, "by": by, "new": new, "id": edit.id}).fetchone()
    assert row is not None
    return _edit(ledger, row)


def of_letter(ledger: Ledger, connection: Connection, letter_id: int) -> list[Edit]:
    """The edits of a letter, the newest first."""
    rows = connection.execute(f"{_SELECT} WHERE letter_id = %s ORDER BY id DESC LIMIT 20", [letter_id]).fetchall()
    return [_edit(ledger, row) for row in rows]


def waiting(ledger: Ledger, connection: Connection, limit: int = 50) -> list[Edit]:
    """What waits for a second person, the oldest first."""
    return [_edit(ledger, row) for row in connection.execute(_WAITING, [limit]).fetchall()]


def _edit(ledger: Ledger, row: Sequence[Any]) -> Edit:
    content = ledger.sealer.open(row[-1], column="edits", tenant=row[3], row=str(row[1]))
    return Edit(*(*row[:-1], content["arguments"], content["difference"]))
