"""Breakers in the ledger: every move, and what people ordered."""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from ledger.audit import Order
from ledger.session import Connection
from resilience.breaker import Breaker, BreakerState

_NOTE = """
INSERT INTO lockgate.breaker_moves (provider, before, after, trip, retry_at, worker)
SELECT %(provider)s, %(before)s, %(after)s, %(trip)s,
    statement_timestamp() + nullif(%(retry_in)s, 0) * interval '1 second', %(worker)s
WHERE NOT EXISTS (
    SELECT FROM lockgate.breaker_moves WHERE provider = %(provider)s AND trip = %(trip)s AND after = %(after)s)
"""
_ONE_AT_A_TIME = 7_030_602  # with the provider's name, the key of the advisory lock under which moves are noted

_LAST = """
SELECT m.after, m.trip, extract(epoch FROM m.retry_at - statement_timestamp())::float8,
    extract(epoch FROM m.at - statement_timestamp())::float8
FROM lockgate.breaker_moves m WHERE m.provider = %s ORDER BY m.id DESC LIMIT 1
"""

_MOVES = """
SELECT at, before, after, trip, retry_at, worker FROM lockgate.breaker_moves WHERE provider = %s ORDER BY id DESC LIMIT %s
"""

_HELD = "SELECT held FROM lockgate.holds WHERE provider = %s"
_HOLD_NOW = 'SELECT held, "by", because, at FROM lockgate.holds WHERE provider = %s'
_HOLD = """
INSERT INTO lockgate.holds (provider, held, "by", because) VALUES (%(provider)s, %(held)s, %(by)s, %(because)s)
ON CONFLICT (provider) DO UPDATE SET held = excluded.held, "by" = excluded."by", because = excluded.because,
    at = statement_timestamp()
"""
_RELEASE = "DELETE FROM lockgate.holds WHERE provider = %s"


def note(
    connection: Connection, provider: str, *, before: BreakerState, after: BreakerState, trip: int, retry_in: float,
    worker: str,
) -> None:  # fmt: skip
    """Write down a move, once: who caused it does, and a sweep that finds the difference before that is written."""
    values = {
        "provider": provider, "before": before, "after": after, "trip": trip, "retry_in": retry_in, "worker": worker,
    }  # fmt: skip
    with connection.transaction():
        connection.execute("SELECT pg_advisory_xact_lock(%s, hashtext(%s))", [_ONE_AT_A_TIME, provider])
        connection.execute(_NOTE, values)


@dataclass(frozen=True, slots=True)
class Known:
    """A breaker as the ledger knows it.

    Attributes:
        retry_in: seconds until a probe may be made; negative when it may already.
        moved: seconds since its last move, negative.
    """

    state: BreakerState = BreakerState.CLOSED
    trip: int = 0
    retry_in: float = 0.0
    moved: float = -1e9
    held: Literal["", "open", "closed"] = ""

    def breaker(self) -> Breaker:
        """As Redis holds it, its times in seconds from now."""
        return Breaker(
            state=self.state,
            trip=self.trip,
            opens=0 if self.state is BreakerState.CLOSED else 1,
            retry_at=self.retry_in,
            closed_at=self.moved if self.state is BreakerState.CLOSED and self.trip else -1e9,
            held=self.held,
        )


def known(connection: Connection, provider: str) -> Known:
    """The breaker of a provider after its last move, with what a person ordered."""
    held = connection.execute(_HELD, [provider]).fetchone()
    order: Literal["", "open", "closed"] = held[0] if held else ""
    row = connection.execute(_LAST, [provider]).fetchone()
    if row is None:
        return Known(held=order)
    after, trip, retry_in, moved = row
    return Known(BreakerState(after), trip, retry_in or 0.0, moved, order)


@dataclass(frozen=True, slots=True)
class Hold:
    """A breaker that a person holds open or closed."""

    held: Literal["open", "closed"]
    by: str
    because: str
    at: datetime


def held(connection: Connection, provider: str) -> Hold | None:
    """The order that is in force for a provider's breaker."""
    row = connection.execute(_HOLD_NOW, [provider]).fetchone()
    return None if row is None else Hold(*row)


def hold(connection: Connection, provider: str, how: Literal["open", "closed"], order: Order) -> None:
    """Hold a breaker open or closed until it is released; a later order replaces an earlier one."""
    values = {"provider": provider, "held": how, "by": order.actor, "because": order.because}
    connection.execute(_HOLD, values)


def release(connection: Connection, provider: str) -> bool:
    """Let a breaker judge by itself again; False when nobody held it."""
    return connection.execute(_RELEASE, [provider]).rowcount == 1


@dataclass(frozen=True, slots=True)
class Move:
    """A breaker that opened, tried or closed."""

    at: datetime
    before: str
    after: str
    trip: int
    retry_at: datetime | None
    worker: str


def moves(connection: Connection, provider: str, limit: int = 20) -> list[Move]:
    """A provider's last moves, the newest first."""
    return [Move(*row) for row in connection.execute(_MOVES, [provider, limit]).fetchall()]
