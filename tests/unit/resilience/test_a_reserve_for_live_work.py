"""Work without haste, as a requeue of many, leaves a part of every limit to live work, whatever the limit is made of."""

from collections.abc import Callable

import pytest
import redis

from resilience.admission import Admission
from resilience.limiter import Limit
from resilience.permit import Permit, Refused
from resilience.traffic import Lane, Traffic

LIVE = Lane("acme", "default", "acme.make")
RUN = Lane("acme", "default", "acme.make", spare=True)


class Clock:
    now = 1_000_000.0


@pytest.fixture
def gate(client: redis.Redis) -> Callable[[Limit], tuple[Admission, Clock]]:
    def make(limit: Limit) -> tuple[Admission, Clock]:
        clock = Clock()
        return Admission(client, {"acme": Traffic("acme", limits=(limit,))}, now=lambda: clock.now), clock

    return make


def asked(admission: Admission, clock: Clock, lanes: list[Lane], *, seconds: float, every: float) -> dict[Lane, int]:
    """Grants to those who ask as often as they can, in turn."""
    granted = dict.fromkeys(lanes, 0)
    until = clock.now + seconds
    while clock.now < until:
        for lane in lanes:
            granted[lane] += isinstance(admission.ask(lane, lease=1), Permit)
        clock.now += every
    return granted


@pytest.mark.parametrize(
    ("limit", "seconds", "every"),
    [(Limit("100 per 1s", (), 100, 1.0), 8, 0.005), (Limit("2 per 1s", (), 2, 1.0), 40, 0.1)],
)
def test_alone_it_uses_half_of_a_limit_and_live_work_gets_all_that_it_had(
    gate: Callable[[Limit], tuple[Admission, Clock]], limit: Limit, seconds: float, every: float
) -> None:
    admission, clock = gate(limit)
    run = asked(admission, clock, [RUN], seconds=seconds, every=every)[RUN]
    clock.now += 100
    live = asked(admission, clock, [LIVE], seconds=seconds, every=every)[LIVE]
    assert 0.4 * live <= run <= 0.55 * live
    clock.now += 100
    both = asked(admission, clock, [RUN, LIVE], seconds=seconds, every=every)
    assert both[LIVE] >= 0.45 * live
    assert sum(both.values()) <= live * 1.05, "together they keep to the limit"


def test_of_a_daily_quota_half_is_left_when_a_run_has_had_its_share(
    gate: Callable[[Limit], tuple[Admission, Clock]],
) -> None:
    admission, clock = gate(Limit("100 per day", (), 100, 86_400.0))
    assert asked(admission, clock, [RUN], seconds=100, every=1)[RUN] == 47
    refused = admission.ask(RUN, lease=1)
    assert isinstance(refused, Refused)
    assert refused.reason == "rate:100 per day, spare"
    assert asked(admission, clock, [LIVE], seconds=100, every=1)[LIVE] == 48


def test_of_calls_at_once_half_are_kept_and_a_single_seat_is_shared(
    gate: Callable[[Limit], tuple[Admission, Clock]],
) -> None:
    admission, _ = gate(Limit("4 at once", (), 4, 0.0))
    taken = [admission.ask(RUN, lease=60) for _ in range(3)]
    assert [isinstance(one, Permit) for one in taken] == [True, True, False]
    assert [isinstance(admission.ask(LIVE, lease=60), Permit) for _ in range(3)] == [True, True, False]


def test_the_most_costly_call_fits_in_the_part_too() -> None:
    for limit in (Limit("4", (), 4, 1.0, largest=3.0), Limit("1 at once", (), 1, 0.0), Limit("1", (), 1, 60.0)):
        assert limit.spare.rate > 0 or limit.concurrent
        assert limit.spare.allowed >= limit.spare.largest or limit.largest == 1
        assert limit.spare.allowed <= limit.allowed
