"""What a provider showed when a person asked, beside what stood here: kept, and only ever added."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from psycopg.types.json import Jsonb

from ledger.session import Connection

_ADD = """
INSERT INTO lockgate.looks (operation_id, actor, said, here, there, differs)
VALUES (%(operation_id)s, %(actor)s, %(said)s, %(here)s, %(there)s, %(differs)s)
RETURNING id, operation_id, at, actor, said, here, there, differs
"""
_OF = """
SELECT id, operation_id, at, actor, said, here, there, differs FROM lockgate.looks
WHERE operation_id = %s ORDER BY id DESC LIMIT %s
"""
_FIELDS = ("effect", "reference", "code")


@dataclass(frozen=True, slots=True)
class Look:
    """One look at the provider.

    Attributes:
        actor: who asked.
        said: the finding, as half a sentence.
        here: state, effect, reference and code in the ledger at that time.
        there: what was found: `found` (present, open, declined, absent, unclear, not asked), and as far as that tells them
            effect, reference and code.
        differs: the names of those in which the two are not the same.
    """

    id: int
    operation_id: uuid.UUID
    at: datetime
    actor: str
    said: str
    here: Mapping[str, Any]
    there: Mapping[str, Any]
    differs: Sequence[str]

    @property
    def asked(self) -> bool:
        """Whether the provider was asked at all: a look that was not tells nothing of it."""
        return self.there.get("found") != "not asked"


def add(
    connection: Connection, operation_id: uuid.UUID, *, actor: str, said: str, here: Mapping[str, Any],
    there: Mapping[str, Any],
) -> Look:  # fmt: skip
    """Keep a look."""
    differs = [name for name in _FIELDS if there.get(name) is not None and there[name] != here.get(name)]
    values = {
        "operation_id": operation_id, "actor": actor, "said": said, "here": Jsonb(dict(here)),
        "there": Jsonb(dict(there)), "differs": differs,
    }  # fmt: skip
    row = connection.execute(_ADD, values).fetchone()
    assert row is not None
    return Look(*row)


def of_operation(connection: Connection, operation_id: uuid.UUID, limit: int = 20) -> list[Look]:
    """The looks at an operation, the newest first."""
    return [Look(*row) for row in connection.execute(_OF, [operation_id, limit]).fetchall()]
