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
