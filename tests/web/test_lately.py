"""The last hour on the overview: what is over is counted once, what goes on is counted anew."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from given.office import Desk, Office
from given.payments import pay

from admin.web.lately import EACH, WINDOW, Counted
from ledger import recent

CALLED = """
INSERT INTO lockgate.attempts (operation_id, number, purpose, lane_id, worker, lease_until, started_at)
SELECT id, %(number)s, 'send', lane_id, 'w', clock_timestamp(), %(at)s FROM lockgate.operations WHERE id = %(id)s
"""
HEARD = """
INSERT INTO lockgate.replies (operation_id, number, id, outcome, effect, error_class, elapsed)
VALUES (%(id)s, %(number)s, gen_random_uuid(), %(outcome)s, 'none', %(error_class)s, %(elapsed)s)
"""
Call = Callable[..., None]


@pytest.fixture
def call(desk: Desk) -> Call:
    """Write down a call that began so many slices ago, in the middle of one."""
    with desk.platform.ledger.connection() as connection:
        connection.execute("SET session_replication_role = replica")  # what is only ever added is taken away for a test
        connection.execute("DELETE FROM lockgate.attempts")
        connection.execute("DELETE FROM lockgate.replies")
        connection.execute("SET session_replication_role = origin")
        ticket = pay("8201").id
        (operation,) = connection.execute(
            "SELECT operation_id FROM lockgate.tickets WHERE id = %s", [ticket]
        ).fetchone() or (None,)
        (now,) = connection.execute(
            "SELECT to_timestamp((%s + 0.5) * %s)", [recent.number(connection, EACH), EACH]
        ).fetchone() or (None,)
    numbers = iter(range(1, 100_000))

    def write(ago: int, error_class: str | None = None, elapsed: float = 0.2) -> None:
        values = {
            "id": operation, "number": next(numbers), "at": now - timedelta(seconds=ago * EACH), "elapsed": elapsed,
            "outcome": "failed" if error_class else "succeeded", "error_class": error_class,
        }  # fmt: skip
        with desk.platform.ledger.connection() as connection:
            connection.execute(CALLED, values)
            connection.execute(HEARD, values)

    return write


def test_every_call_of_the_hour_stands_in_its_slice(desk: Desk, office: Office, call: Call) -> None:  # noqa: ARG001
    for ago, kind in ((0, None), (0, "rate_limited"), (1, "transient"), (20, None), (29, None), (31, None), (90, None)):
        call(ago, kind, 0.1 * (ago + 1))
    found = Counted().now(desk.platform).slices
    assert len(found["stripe"]) == WINDOW / EACH
    told = {len(found["stripe"]) - 1 - at: one for at, one in enumerate(found["stripe"]) if one.calls}
    # A slice may have ended while this was written down, and then all of them are one further away.
    shift = min(told)
    assert shift in {0, 1}
    assert {ago - shift: (one.answered, one.limited, one.failed) for ago, one in told.items() if ago - shift < 29} == {
        0: (1, 1, 0), 1: (0, 0, 1), 20: (1, 0, 0),
    }  # fmt: skip
    assert told[20 + shift].median == pytest.approx(2.1)
    assert sum(one.calls for one in found["postmark"]) == 0


def test_what_is_over_is_counted_once_and_what_goes_on_each_time(desk: Desk, office: Office, call: Call) -> None:  # noqa: ARG001
    for ago in range(5, 25):
        for _ in range(20):
            call(ago)
    kept = Counted(fresh=0)
    first = kept.now(desk.platform)
    assert sum(one.calls for one in first.slices["stripe"]) == 400
    call(0)
    call(1, "rate_limited")
    with desk.platform.ledger.connection() as connection:
        connection.execute("SET session_replication_role = replica")
        connection.execute("DELETE FROM lockgate.replies WHERE number <= 400")  # so that a second look would show it
        connection.execute("SET session_replication_role = origin")
    second = kept.now(desk.platform)
    assert sum(one.calls for one in second.slices["stripe"]) == 402
    assert sum(one.limited for one in second.slices["stripe"]) == 1
    assert sum(one.calls for one in Counted().now(desk.platform).slices["stripe"]) == 2


def test_several_looks_within_a_few_seconds_are_one_count(desk: Desk, office: Office, call: Call) -> None:  # noqa: ARG001
    kept = Counted()
    first = kept.now(desk.platform)
    call(0)
    assert kept.now(desk.platform) is first
