"""A limit that a person lowered holds for whom it names, beside the others, until it ends; a flush does not end it."""

from bisect import bisect_left

import pytest
import redis

from resilience import lowered, restore
from resilience.admission import Admission
from resilience.limiter import Limit
from resilience.lowered import Lowered
from resilience.permit import Permit, Refused
from resilience.traffic import Lane, Traffic

TRAFFIC = Traffic("acme", limits=(Limit("50 per 1s", ("tenant",), 50, 1.0),), costs={"acme.big": 3.0})
MINE = Lane("acme", "default", "acme.make")
OTHER = Lane("acme", "other", "acme.make")
BIG = Lane("acme", "default", "acme.big")


class Clock:
    now = 1_000_000.0


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def gate(client: redis.Redis, clock: Clock) -> Admission:
    return Admission(client, {"acme": TRAFFIC, "free": Traffic("free")}, now=lambda: clock.now)


def granted(gate: Admission, clock: Clock, lanes: list[Lane], *, seconds: float, cost: float = 1.0) -> list[float]:
    """The times of grants to those who ask as often as they can, in turn."""
    times, until = [], clock.now + seconds
    while clock.now < until:
        times += [clock.now for lane in lanes if isinstance(gate.ask(lane, cost=cost, lease=60), Permit)]
        clock.now += 0.01
    return times


def most(times: list[float], window: float) -> int:
    return max((bisect_left(times, start + window) - at for at, start in enumerate(times)), default=0)


def test_no_window_holds_more_and_all_that_it_holds_for_share_it(
    client: redis.Redis, gate: Admission, clock: Clock
) -> None:
    before = granted(gate, clock, [MINE, OTHER], seconds=10)
    assert most(before, 1.0) > 60
    lowered.put(client, TRAFFIC, [Lowered(10, 1.0, "", "", 3600)], clock.now)
    after = granted(gate, clock, [MINE, OTHER], seconds=20)
    assert most(after, 1.0) <= 10
    assert len(after) > 0.5 * 10 * 20
    refused = gate.ask(MINE, lease=60)
    assert isinstance(refused, Refused)
    assert refused.reason == "rate:10 in 1 s, lowered"


@pytest.mark.parametrize(
    ("limit", "slow"),
    [
        (Lowered(5, 1.0, "default", "", 3600), [MINE, BIG]),
        (Lowered(5, 1.0, "", "acme.make", 3600), [MINE, OTHER]),
        (Lowered(5, 1.0, "other", "acme.make", 3600), [OTHER]),
    ],
)
def test_it_holds_for_whom_it_names_alone(
    client: redis.Redis, gate: Admission, clock: Clock, limit: Lowered, slow: list[Lane]
) -> None:
    lowered.put(client, TRAFFIC, [limit], clock.now)
    for lane in (MINE, OTHER, BIG):
        times = granted(gate, clock, [lane], seconds=5)
        assert (most(times, 1.0) <= 5) is (lane in slow), lane
        clock.now += 60


def test_it_ends_by_itself_and_is_not_there_for_another_provider(
    client: redis.Redis, gate: Admission, clock: Clock
) -> None:
    lowered.put(client, TRAFFIC, [Lowered(2, 1.0, "", "", 30)], clock.now)
    ends = clock.now + 30
    assert most(granted(gate, clock, [Lane("free", "default", "free.make")], seconds=2), 1.0) > 90
    times = granted(gate, clock, [MINE], seconds=40)
    assert most([time for time in times if time < ends], 1.0) <= 2
    assert most([time for time in times if time >= ends], 1.0) > 25


def test_work_without_haste_leaves_a_part_of_it_to_live_work(
    client: redis.Redis, gate: Admission, clock: Clock
) -> None:
    lowered.put(client, TRAFFIC, [Lowered(10, 1.0, "", "", 3600)], clock.now)
    run = Lane("acme", "default", "acme.make", spare=True)
    assert most(granted(gate, clock, [run], seconds=20), 1.0) <= 5
    clock.now += 60
    both = granted(gate, clock, [run, MINE], seconds=20)
    assert most(both, 1.0) <= 10


def test_a_flush_forgets_neither_the_limit_nor_what_was_sent_under_it(
    client: redis.Redis, gate: Admission, clock: Clock
) -> None:
    order = Lowered(10, 10.0, "", "", 3600)
    lowered.put(client, TRAFFIC, [order], clock.now)
    before = granted(gate, clock, [MINE], seconds=4)
    client.flushdb()
    restore.shut(client, epoch=2, seconds=0)
    restore.reopen(client, epoch=2, usages=(), breakers={}, lowered=[(TRAFFIC, [(order, float(len(before)))])])
    # Times in Redis are its own from here on, as they are outside of tests.
    flushed = clock.now = restore.server_time(client)
    after = granted(gate, clock, [MINE], seconds=30)
    assert most(after, 10.0) <= 10
    assert len(before) + len([time for time in after if time < flushed + 6]) <= 10, "in the window across the flush"
    assert len(after) >= 15, "it goes on"


def test_the_sweep_is_told_how_much_room_it_leaves_and_that_lanes_share_it(
    client: redis.Redis, gate: Admission, clock: Clock
) -> None:
    lowered.put(client, TRAFFIC, [Lowered(10, 1.0, "", "", 3600)], clock.now)
    mine, other = gate.forecasts([(MINE, 1.0), (OTHER, 1.0)], horizon=1.0)
    assert mine.room == other.room
    assert mine.room is not None
    assert mine.room <= 10
    ((name, room),) = [one for one in mine.rooms if "lowered" in one[0]]
    assert (name, room) in other.rooms
    assert room == mine.room


def test_what_costs_more_fits_or_is_not_ordered() -> None:
    assert lowered.least(TRAFFIC, "acme.make") == 1
    fewest = lowered.least(TRAFFIC, "acme.big")
    limit = Lowered(fewest, 1.0, "", "acme.big", 60).limit(TRAFFIC)
    assert (limit.rate > 0, limit.burst >= 3) == (True, True)
    assert lowered.least(TRAFFIC, "") == fewest


def test_what_would_lower_nothing_is_known() -> None:
    assert lowered.already(TRAFFIC, Lowered(60, 1.0, "default", "", 60)) is TRAFFIC.limits[0]
    assert lowered.already(TRAFFIC, Lowered(49, 1.0, "default", "", 60)) is None
    # The file's limit is each tenant's own: all together may be more, and 60 for all lowers that.
    assert lowered.already(TRAFFIC, Lowered(60, 1.0, "", "", 60)) is None
