"""Dead letters: what lies open, and the lock under which one person decides about one."""

import uuid
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from ledger.session import Connection

_LETTER = """
d.id, d.operation_id, d.epoch, d.tenant, d.provider, d.kind, o.business_key, d.reason, d.error_class, d.effect, d.code,
    d.message, d.fingerprint, d.status, d.dead_at, d.decide_by, d.closed_at, d.closed_by
FROM lockgate.dead_letters d JOIN lockgate.operations o ON o.id = d.operation_id
"""
_MATCH = """
WHERE d.status = %(status)s
    AND (%(provider)s::text IS NULL OR d.provider = %(provider)s) AND (%(tenant)s::text IS NULL OR d.tenant = %(tenant)s)
    AND (%(kind)s::text IS NULL OR d.kind = %(kind)s)
    AND (%(fingerprint)s::text IS NULL OR d.fingerprint = %(fingerprint)s)
"""
_LIST = f"SELECT {_LETTER} {_MATCH} ORDER BY d.id DESC LIMIT %(limit)s"
_ONE = f"SELECT {_LETTER} WHERE d.id = %s"
_OF_OPERATION = f"SELECT {_LETTER} WHERE d.operation_id = %s ORDER BY d.epoch"
_GROUPS = f"""
SELECT d.fingerprint, d.provider, d.kind, d.reason, min(d.code), min(d.message), d.effect, count(*), min(d.dead_at),
    max(d.dead_at), max(d.id)
FROM lockgate.dead_letters d {_MATCH}
GROUP BY d.fingerprint, d.provider, d.kind, d.reason, d.effect ORDER BY count(*) DESC LIMIT %(limit)s
"""  # noqa: S608  made of the constants above

_STANDING = """
SELECT id, state, reason, effect, epoch, provider, kind, tenant, frozen, reference, code, expires_at, revoked_at,
    coalesce(send_until < statement_timestamp(), false) AS key_forgotten, first_sent_at IS NOT NULL AS was_sent
FROM lockgate.operations WHERE id = %s
"""
_LOCKED = (
    "id", "state", "reason", "effect", "epoch", "provider", "kind", "tenant", "frozen", "reference", "code", "expires_at",
    "revoked_at", "key_forgotten", "was_sent",
)  # fmt: skip
_CLOSE = """
UPDATE lockgate.dead_letters SET status = %(status)s, closed_at = statement_timestamp(), closed_by = %(by)s
WHERE id = %(id)s AND status = 'open'
"""
_LOWER = "UPDATE lockgate.dead_letters SET effect = 'none' WHERE id = %s AND status = 'open'"


@dataclass(frozen=True, slots=True)
class DeadLetter:
    """One dead letter."""

    id: int
    operation_id: uuid.UUID
    epoch: int
    tenant: str
    provider: str
    kind: str
    business_key: str | None
    reason: str
    error_class: str | None
    effect: str
    code: str | None
    message: str | None
    fingerprint: str
    status: str
    dead_at: datetime
    decide_by: datetime | None
    closed_at: datetime | None
    closed_by: str | None

    @property
    def name(self) -> str:
        """As people type it."""
        return f"dl_{self.id}"


@dataclass(frozen=True, slots=True)
class Group:
    """Dead letters that share a fingerprint and an effect."""

    fingerprint: str
    provider: str
    kind: str
    reason: str
    code: str | None
    message: str | None
    effect: str
    count: int
    first_at: datetime
    last_at: datetime
    newest: int


@dataclass(frozen=True, slots=True)
class Dead:
    """A dead letter and its operation, both as they are while nobody else may move them.

    Attributes:
        key_forgotten: the provider may have forgotten the idempotency key.
        was_sent: a byte of its request may have left at some time.
    """

    letter: DeadLetter
    id: uuid.UUID
    state: str
    reason: str | None
    effect: str
    epoch: int
    provider: str
    kind: str
    tenant: str
    frozen: bool
    reference: str | None
    code: str | None
    expires_at: datetime | None
    revoked_at: datetime | None
    key_forgotten: bool
    was_sent: bool

    def as_json(self) -> dict[str, Any]:
        """What an audit keeps of it."""
        return {
            "state": self.state, "reason": self.reason, "effect": self.effect, "epoch": self.epoch,
            "reference": self.reference, "code": self.code, "letter": self.letter.name, "status": self.letter.status,
            "expires_at": self.expires_at and self.expires_at.isoformat(),
            "revoked_at": self.revoked_at and self.revoked_at.isoformat(),
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Wanted:
    """Which dead letters: those that a filter leaves out have None."""

    status: str = "open"
    provider: str | None = None
    tenant: str | None = None
    kind: str | None = None
    fingerprint: str | None = None
    limit: int = 50


def listed(connection: Connection, wanted: Wanted) -> list[DeadLetter]:
    """The newest dead letters."""
    return [DeadLetter(*row) for row in connection.execute(_LIST, asdict(wanted)).fetchall()]


def grouped(connection: Connection, wanted: Wanted) -> list[Group]:
    """The largest groups of equal failures."""
    return [Group(*row) for row in connection.execute(_GROUPS, asdict(wanted)).fetchall()]


def of_operation(connection: Connection, operation_id: uuid.UUID) -> list[DeadLetter]:
    """All dead letters of an operation, one per epoch that ended so."""
    return [DeadLetter(*row) for row in connection.execute(_OF_OPERATION, [operation_id]).fetchall()]


def get(connection: Connection, letter_id: int) -> DeadLetter | None:
    """One dead letter."""
    row = connection.execute(_ONE, [letter_id]).fetchone()
    return None if row is None else DeadLetter(*row)


def look(connection: Connection, letter_id: int) -> Dead | None:
    """A dead letter with its operation, as they are now; None when there is none."""
    return _dead(connection, letter_id, _STANDING)


def lock(connection: Connection, letter_id: int) -> Dead | None:
    """The same, held until the transaction ends.

    The operation is locked: whatever moves it locks it too, so that two people, or a person and late evidence, take turns.

    Raises:
        psycopg.errors.LockNotAvailable: somebody else decides about it right now.
    """
    return _dead(connection, letter_id, f"{_STANDING} FOR UPDATE")


def _dead(connection: Connection, letter_id: int, query: str) -> Dead | None:
    letter = get(connection, letter_id)
    if letter is None:
        return None
    row = connection.execute(query, [letter.operation_id]).fetchone()
    again = get(connection, letter_id)  # as it is now that nobody can change it
    if row is None or again is None:
        return None
    return Dead(letter=again, **dict(zip(_LOCKED, row, strict=True)))


def close(connection: Connection, letter_id: int, *, status: str, by: str) -> bool:
    """Close an open letter; False when it is not open."""
    return connection.execute(_CLOSE, {"id": letter_id, "status": status, "by": by}).rowcount == 1


def lower_effect(connection: Connection, letter_id: int) -> None:
    """A person has proved that nothing happened."""
    connection.execute(_LOWER, [letter_id])
