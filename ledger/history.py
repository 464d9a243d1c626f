"""An operation's whole story, for people: the row, every attempt with what was heard, its dead letters, who changed it."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ledger import audit, letters
from ledger.audit import Entry
from ledger.claim import EFFECT_UNTIL
from ledger.letters import DeadLetter
from ledger.session import Connection, Ledger
from operations.request import Request

_COLUMNS = (
    "id", "kind", "provider", "tenant", "business_key", "generation", "epoch", "state", "reason", "effect", "error_class",
    "reference", "code", "failures", "inquiries", "frozen", "account", "idempotency_key", "worker", "accepted_at",
    "first_sent_at", "send_until", "due_at", "deadline_at", "expires_at", "revoked_at", "ended_at", "supersedes",
)  # fmt: skip
_OPERATION = f"SELECT {', '.join(_COLUMNS)} FROM lockgate.operations WHERE id = %s"  # noqa: S608  made of the names above
_TASK = "SELECT l.task FROM lockgate.lanes l JOIN lockgate.operations o ON o.lane_id = l.id WHERE o.id = %s"
_TICKETS = """
SELECT ticket_id FROM lockgate.operations WHERE id = %(id)s
UNION ALL (SELECT id FROM lockgate.tickets WHERE operation_id = %(id)s AND alias ORDER BY created_at LIMIT 20)
"""
_HELD_BY = """
SELECT l.held_by, EXISTS (SELECT FROM lockgate.pauses p WHERE p.lifted_at IS NULL AND p.provider = o.provider
    AND coalesce(p.tenant, o.tenant) = o.tenant AND coalesce(p.kind, o.kind) = o.kind)
FROM lockgate.operations o JOIN lockgate.lanes l ON l.id = o.lane_id WHERE o.id = %s
"""
_ATTEMPTS = """
SELECT a.number, a.purpose, a.started_at, a.worker, r.outcome, r.error_class, r.effect, r.status, r.code, r.message,
    r.reference, r.elapsed, r.request_id, r.heard_at, r.sealed
FROM lockgate.attempts a LEFT JOIN lockgate.replies r ON r.operation_id = a.operation_id AND r.number = a.number
WHERE a.operation_id = %s ORDER BY a.number, r.heard_at
"""
_BY_ID = """
SELECT id FROM lockgate.operations WHERE id = %(id)s
UNION SELECT operation_id FROM lockgate.tickets WHERE id = %(name)s
"""
_BY_TICKET = "SELECT operation_id FROM lockgate.tickets WHERE id = %s"
_BY_KEY = "SELECT operation_id FROM lockgate.business_keys WHERE business_key = %s ORDER BY created_at LIMIT 20"
_SENDING = f"""
SELECT o.tenant, o.account, o.idempotency_key, o.first_sent_at, {EFFECT_UNTIL}, o.reference, o.code, b.sealed
FROM lockgate.operations o JOIN lockgate.bodies b ON b.operation_id = o.id WHERE o.id = %s
"""  # noqa: S608  ours


@dataclass(frozen=True, slots=True)
class Sending:
    """What is needed to ask the provider about an operation.

    Attributes:
        effect_until: see `ledger.claim.Claimed`.
        declined: the code of a refusal that left something open.
    """

    tenant: str
    account: str | None
    key: str
    first_sent_at: datetime | None
    effect_until: datetime | None
    reference: str | None
    declined: str | None
    arguments: Mapping[str, Any]
    request: Request


@dataclass(frozen=True, slots=True)
class Tried:
    """One attempt, with one thing that was heard under it; a late reply is a line of its own with the same number."""

    number: int
    purpose: str
    started_at: datetime
    worker: str
    outcome: str | None
    error_class: str | None
    effect: str | None
    status: int | None
    code: str | None
    message: str | None
    reference: str | None
    elapsed: float | None
    request_id: str | None
    heard_at: datetime | None
    evidence: Mapping[str, Any] | None


@dataclass(frozen=True, slots=True)
class Story:
    """What the ledger knows of one operation.

    Attributes:
        operation: the columns of its row, by name.
        task: the Celery task that carries it out.
        held_by: why the sweep holds its lane back.
        tickets: the Celery task ids that stand for it; of those of repeated callers the first twenty.
    """

    operation: Mapping[str, Any]
    task: str
    held_by: str | None
    tickets: tuple[str, ...]
    attempts: tuple[Tried, ...]
    dead_letters: tuple[DeadLetter, ...]
    changes: tuple[Entry, ...]


def find(connection: Connection, name: str) -> list[uuid.UUID]:
    """The operations that a name may mean: an operation's id, a Celery task id, or a business key.

    A business key means its current generation; it is unique per tenant, provider and kind only.
    """
    try:
        rows = connection.execute(_BY_ID, {"id": uuid.UUID(name), "name": name}).fetchall()
    except ValueError:
        rows = connection.execute(_BY_TICKET, [name]).fetchall()
    rows = rows or connection.execute(_BY_KEY, [name]).fetchall()
    return [row[0] for row in rows]


def story(ledger: Ledger, connection: Connection, operation_id: uuid.UUID) -> Story | None:
    """An operation's story; None when there is no such operation.

    Raises:
        ledger.seal.SealError: the data key does not open its evidence.
    """
    row = connection.execute(_OPERATION, [operation_id]).fetchone()
    if row is None:
        return None
    operation = dict(zip(_COLUMNS, row, strict=True))
    task = connection.execute(_TASK, [operation_id]).fetchone()
    held = connection.execute(_HELD_BY, [operation_id]).fetchone()
    return Story(
        operation=operation,
        task=task[0] if task else "",
        held_by=None if held is None else ("paused" if held[1] else held[0]),
        tickets=tuple(name for (name,) in connection.execute(_TICKETS, {"id": operation_id}).fetchall()),
        attempts=_attempts(ledger, connection, operation),
        dead_letters=tuple(letters.of_operation(connection, operation_id)),
        changes=tuple(audit.entries(connection, str(operation_id))),
    )


def _attempts(ledger: Ledger, connection: Connection, operation: Mapping[str, Any]) -> tuple[Tried, ...]:
    rows = connection.execute(_ATTEMPTS, [operation["id"]]).fetchall()
    return tuple(Tried(*(*row[:-1], _evidence(ledger, operation, row[0], row[-1]))) for row in rows)


def _evidence(
    ledger: Ledger, operation: Mapping[str, Any], number: int, sealed: bytes | None
) -> Mapping[str, Any] | None:
    """What was kept of the exchange, redacted when it was written; the result, which is not, stays sealed."""
    if sealed is None:
        return None
    row = f"{operation['id']}/{number}"
    kept = ledger.sealer.open(sealed, column="replies", tenant=operation["tenant"], row=row)
    evidence: Mapping[str, Any] | None = kept.get("evidence")
    return evidence


def sending(ledger: Ledger, connection: Connection, operation_id: uuid.UUID) -> Sending | None:
    """What is needed to ask about an operation; None when it never became a request."""
    row = connection.execute(_SENDING, [operation_id]).fetchone()
    if row is None:
        return None
    opened = ledger.sealer.open(row[-1], column="bodies", tenant=row[0], row=str(operation_id))
    if not opened["request"]:
        return None
    return Sending(*(*row[:-1], opened["arguments"], Request.from_json(opened["request"])))
