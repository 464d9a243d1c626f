"""Who changed what by hand, and why: written in the transaction of the change, and only ever added."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from ledger.session import Connection

_ADD = """
INSERT INTO lockgate.audit (actor, action, target, because, before, after)
VALUES (%(actor)s, %(action)s, %(target)s, %(because)s, %(before)s, %(after)s)
"""

_OF = "SELECT at, actor, action, because, before, after FROM lockgate.audit WHERE target = %s ORDER BY id"

_TRAIL = """
SELECT id, target, at, actor, action, because, before, after FROM lockgate.audit
WHERE (%(before)s::bigint IS NULL OR id < %(before)s) AND (%(actor)s::text IS NULL OR actor = %(actor)s)
    AND (%(action)s::text IS NULL OR action = %(action)s) AND (%(target)s::text IS NULL OR target = %(target)s)
ORDER BY id DESC LIMIT %(limit)s
"""


@dataclass(frozen=True, slots=True)
class Order:
    """A person's order: who gives it, and why."""

    actor: str
    because: str


@dataclass(frozen=True, slots=True)
class Entry:
    """One change, as it was written down."""

    at: datetime
    actor: str
    action: str
    because: str
    before: Mapping[str, Any]
    after: Mapping[str, Any]


def note(
    connection: Connection, order: Order, action: str, target: str, *, before: Mapping[str, Any], after: Mapping[str, Any]
) -> None:  # fmt: skip
    """Write down a change; the values are what JSON can hold."""
    values = {
        "actor": order.actor, "action": action, "target": target, "because": order.because,
        "before": Jsonb(dict(before)), "after": Jsonb(dict(after)),
    }  # fmt: skip
    connection.execute(_ADD, values)


def entries(connection: Connection, target: str) -> list[Entry]:
    """What was done to a target, in order."""
    return [Entry(*row) for row in connection.execute(_OF, [target]).fetchall()]


@dataclass(frozen=True, slots=True)
class Noted:
    """One change, with what was changed."""

    id: int
    target: str
    entry: Entry


def trail(
    connection: Connection, *, before: int | None = None, actor: str | None = None, action: str | None = None,
    target: str | None = None, limit: int = 50,
) -> list[Noted]:  # fmt: skip
    """What was done by hand, the newest first; `before` is the last id of the page before."""
    values = {"before": before, "actor": actor, "action": action, "target": target, "limit": limit}
    return [Noted(row[0], row[1], Entry(*row[2:])) for row in connection.execute(_TRAIL, values).fetchall()]
