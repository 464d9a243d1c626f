"""For how long a dead letter is kept: an open one until somebody decides, a closed one for a while after it.

What is deleted is the letter alone: operation, attempts, replies and audit stay.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

from ledger import letters
from ledger.letters import Dead
from ledger.session import Connection

_DAY = 86_400.0
#: Seconds after its closing; what a person ended by their own word is kept for longer than what went on.
KEPT: Mapping[str, float] = {
    "requeued": 90 * _DAY,
    "superseded": 90 * _DAY,
    "closed": 90 * _DAY,
    "resolved": 400 * _DAY,
    "discarded": 400 * _DAY,
}
_MOST = 200  # letters of one look


@dataclass(frozen=True, slots=True)
class Countdown:
    """Seconds that are left; None where nothing runs out, below zero where it has.

    Attributes:
        key: until the provider may have forgotten the idempotency key.
        hold: until a canvas that waits for a decision goes on with a failure.
        letter: until the closed letter is deleted.
    """

    key: float | None
    hold: float | None
    letter: float | None


def countdown(dead: Dead, operation: Mapping[str, Any], now: datetime | None = None) -> Countdown:
    """What runs out for a letter.

    Args:
        dead: the letter and its operation.
        operation: the columns of the operation's row, by name.
        now: for tests.
    """
    at, letter = now or datetime.now(UTC), dead.letter
    closed = None
    if letter.closed_at is not None and letter.status in KEPT:
        closed = KEPT[letter.status] - (at - letter.closed_at).total_seconds()
    hold = letter.decide_by if letter.status == "open" else None
    return Countdown(_left(operation.get("send_until"), at), _left(hold, at), closed)


def sweep_up(connection: Connection) -> int:
    """Delete the closed letters whose time is over, a bounded number; how many."""
    return letters.forget(connection, KEPT, limit=_MOST)


def _left(until: datetime | None, now: datetime) -> float | None:
    return None if until is None else (until - now).total_seconds()
