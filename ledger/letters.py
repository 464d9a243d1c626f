"""Dead letters: what lies open, and the lock under which one person decides about one."""

import json
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Any

from ledger import groups
from ledger.session import Connection

_LETTER = """
d.id, d.operation_id, d.epoch, d.tenant, d.provider, d.kind, o.business_key, d.reason, d.error_class, d.effect, d.code,
    d.message, d.fingerprint, d.status, d.dead_at, d.decide_by, d.closed_at, d.closed_by
FROM lockgate.dead_letters d JOIN lockgate.operations o ON o.id = d.operation_id
"""
#: What a filter may ask for, and how it is written: only what is asked stands in a statement, so that its plan fits.
_TERMS = {
    "provider": "d.provider = %(provider)s",
    "tenant": "d.tenant = %(tenant)s",
    "tenants": "d.tenant = ANY(%(tenants)s)",
    "kind": "d.kind = %(kind)s",
    "error_class": "d.error_class = %(error_class)s",
    "effect": "d.effect = %(effect)s",
    "fingerprint": "d.fingerprint = %(fingerprint)s",
    "alike": "d.fingerprint = ANY(%(alike)s)",
    "since": "d.dead_at >= %(since)s",
    "until": "d.dead_at < %(until)s",
    "before": "d.id < %(before)s",
}
STATUSES = ("open", "requeued", "resolved", "discarded", "superseded", "closed")
_ONE = f"SELECT {_LETTER} WHERE d.id = %s"
_NEWEST = f"SELECT {_LETTER} WHERE {{condition}} ORDER BY d.id DESC LIMIT %(limit)s"
# The newest of each and then of all, for no index has the newest of several tenants first.
_NEWEST_OF_TENANTS = f"""
SELECT {_LETTER} WHERE d.id = ANY(ARRAY(
    SELECT own.id FROM unnest(%(tenants)s::text[]) AS may(tenant) CROSS JOIN LATERAL (
        SELECT d.id FROM lockgate.dead_letters d WHERE d.tenant = may.tenant AND {{condition}}
        ORDER BY d.id DESC LIMIT %(limit)s) own
    ORDER BY own.id DESC LIMIT %(limit)s)) ORDER BY d.id DESC
"""  # noqa: S608  made of constants
_OF_OPERATION = f"SELECT {_LETTER} WHERE d.operation_id = %s ORDER BY d.epoch"
_NOW = """
o.id, o.state, o.reason, o.effect, o.epoch, o.provider, o.kind, o.tenant, o.frozen, o.reference, o.code, o.expires_at,
    o.revoked_at, coalesce(o.send_until < statement_timestamp(), false), o.first_sent_at IS NOT NULL,
    o.cleared < (SELECT restores FROM lockgate.ledger)
"""
_STANDING = f"SELECT {_NOW} FROM lockgate.operations o WHERE o.id = %s"  # noqa: S608  made of the constants above
_LOOKED = f"""
SELECT {_NOW}, {_LETTER} WHERE d.id = ANY(%s) ORDER BY d.id
"""
_LOCKED = (
    "id", "state", "reason", "effect", "epoch", "provider", "kind", "tenant", "frozen", "reference", "code", "expires_at",
    "revoked_at", "key_forgotten", "was_sent", "restored",
)  # fmt: skip
_FORGET = """
DELETE FROM lockgate.dead_letters WHERE id IN (
    SELECT id FROM lockgate.dead_letters d
    WHERE d.status <> 'open' AND d.closed_at < statement_timestamp() - %(least)s * interval '1 second'
        AND d.closed_at < statement_timestamp() - (%(kept)s::jsonb ->> d.status)::float8 * interval '1 second'
    ORDER BY d.closed_at LIMIT %(limit)s)
"""
_CLOSE = """
UPDATE lockgate.dead_letters SET status = %(status)s, closed_at = statement_timestamp(), closed_by = %(by)s
WHERE id = %(id)s AND status = 'open'
"""
_LOWER = "UPDATE lockgate.dead_letters SET effect = 'none', fingerprint = %s WHERE id = %s AND status = 'open'"


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
class Dead:
    """A dead letter and its operation, both as they are while nobody else may move them.

    Attributes:
        key_forgotten: the provider may have forgotten the idempotency key.
        was_sent: a byte of its request may have left at some time.
        restored: the ledger was restored since, and the provider has not been asked.
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
    restored: bool = False

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
    """Which dead letters: those that a filter leaves out have None.

    Attributes:
        tenants: only these, for whoever may see no others.
        text: a part of the reason, the code or the message, in any case.
        since, until: when they died; `until` is left out itself.
        before: the id of the last letter of the page before.
    """

    status: str = "open"
    provider: str | None = None
    tenant: str | None = None
    tenants: tuple[str, ...] | None = None
    kind: str | None = None
    fingerprint: str | None = None
    error_class: str | None = None
    effect: str | None = None
    text: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    before: int | None = None
    limit: int = 50

    def as_json(self) -> dict[str, Any]:
        """What was asked for, for a plan and for the audit."""
        asked = {name: value for name, value in asdict(self).items() if value is not None and name not in _NO_FILTER}
        return {name: value.isoformat() if isinstance(value, datetime) else value for name, value in asked.items()}


_NO_FILTER = ("limit", "before", "status")


def matching(connection: Connection, wanted: Wanted) -> tuple[str, dict[str, Any]]:
    """The condition on `dead_letters d` that a filter means, and its values.

    Raises:
        ValueError: there is no such status.
    """
    values = asdict(wanted) | {"alike": None, "tenants": None if wanted.tenants is None else list(wanted.tenants)}
    if wanted.text:
        values["alike"] = groups.alike(connection, wanted.text)
    if wanted.status not in STATUSES:
        raise ValueError(f"{wanted.status!r} is no status of a dead letter; use one of {', '.join(STATUSES)}")
    # The status stands in the statement itself: the indexes of open letters fit no value that is still to come.
    terms = [f"d.status = '{wanted.status}'", *(term for name, term in _TERMS.items() if values[name] is not None)]
    return " AND ".join(terms), values


def listed(connection: Connection, wanted: Wanted) -> list[DeadLetter]:
    """The newest dead letters."""
    return [DeadLetter(*row) for row in connection.execute(*statement(connection, wanted)).fetchall()]


def statement(connection: Connection, wanted: Wanted) -> tuple[str, dict[str, Any]]:
    """The statement that finds them, and its values."""
    condition, values = matching(connection, wanted)
    return (_NEWEST if wanted.tenants is None else _NEWEST_OF_TENANTS).format(condition=condition), values


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


def looked(connection: Connection, letter_ids: Sequence[int]) -> list[Dead]:
    """Dead letters with their operations, as they are now, in order; those that are not there are left out."""
    count = len(_LOCKED)
    return [
        Dead(letter=DeadLetter(*row[count:]), **dict(zip(_LOCKED, row[:count], strict=True)))
        for row in connection.execute(_LOOKED, [list(letter_ids)]).fetchall()
    ]


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


def lower_effect(connection: Connection, letter_id: int, *, fingerprint: str) -> None:
    """A person has proved that nothing happened: it is filed with what had no effect."""
    connection.execute(_LOWER, [fingerprint, letter_id])


def forget(connection: Connection, kept: Mapping[str, float], *, limit: int) -> int:
    """Delete letters that were closed so many seconds ago, by their status, the oldest first; how many. No open one."""
    values = {"kept": json.dumps(dict(kept)), "least": min(kept.values()), "limit": limit}
    return connection.execute(_FORGET, values).rowcount
