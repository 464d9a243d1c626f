"""A breaker's move is written down once, by whoever comes first."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from ledger import breakers
from ledger.session import Ledger
from resilience.breaker import BreakerState

OPEN, HALF_OPEN, CLOSED = BreakerState.OPEN, BreakerState.HALF_OPEN, BreakerState.CLOSED


def note(ledger: Ledger, before: BreakerState, after: BreakerState, trip: int) -> None:
    with ledger.connection() as connection:
        breakers.note(connection, "stripe", before=before, after=after, trip=trip, retry_in=1.0, worker="w")


def moves(ledger: Ledger) -> list[tuple[Any, ...]]:
    with ledger.connection() as connection:
        return connection.execute("SELECT after, trip FROM lockgate.breaker_moves ORDER BY id").fetchall()


def test_a_move_that_worker_and_sweep_both_note_is_one(ledger: Ledger) -> None:
    with ThreadPoolExecutor(8) as several:
        for before in [OPEN, HALF_OPEN] * 8:
            several.submit(note, ledger, before, OPEN, 4)
    assert moves(ledger) == [("open", 4)]


def test_each_trip_and_each_closing_is_a_move_of_its_own(ledger: Ledger) -> None:
    for before, after, trip in [(CLOSED, OPEN, 1), (HALF_OPEN, OPEN, 2), (HALF_OPEN, CLOSED, 2), (CLOSED, OPEN, 3)]:
        note(ledger, before, after, trip)
    assert moves(ledger) == [("open", 1), ("open", 2), ("closed", 2), ("open", 3)]
