"""No window at the provider ever holds more than the limit, however greedy we are and however late permits are used."""

from random import Random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from resilience import limiter
from resilience.limiter import Bucket, Limit, Quota


def arrivals(limit: Limit, costs: list[float], rng: Random) -> list[tuple[float, float]]:
    """Calls that are made as soon as the bucket lets them, each arriving as late as its permit may be used."""
    now, bucket, seen = 0.0, None, []
    for cost in costs:
        filled: Bucket = limiter.filled(bucket, limit, now, 1.0)
        now += limiter.wait_for(filled, limit, cost, 1.0) + 1e-6
        bucket = limiter.taken(limiter.filled(filled, limit, now, 1.0), cost)
        seen.append((now + rng.choice([0.0, rng.uniform(0, limit.life), limit.life]), cost))
    return sorted(seen)


def most(seen: list[tuple[float, float]], per: float) -> float:
    return max(sum(cost for at, cost in seen if start <= at < start + per) for start, _ in seen)


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    calls=st.sampled_from([1, 2, 3, 5, 10, 25, 60, 100]),
    per=st.sampled_from([0.5, 1.0, 10.0, 60.0]),
    life=st.sampled_from([0.05, 0.25, 0.5]),
    seed=st.integers(0, 10_000),
)
def test_equal_calls_never_pass_the_limit(calls: int, per: float, life: float, seed: int) -> None:
    limit = Limit("x", (), calls, per, life=life)
    assert most(arrivals(limit, [1.0] * 3 * (calls + 5), Random(seed)), per) <= calls + 1e-6


@settings(max_examples=200, deadline=None, derandomize=True)
@given(
    calls=st.sampled_from([5, 10, 25, 100]),
    largest=st.sampled_from([1.0, 2.0, 3.0, 4.0]),
    seed=st.integers(0, 10_000),
)
def test_calls_of_different_cost_never_pass_it_either(calls: int, largest: float, seed: int) -> None:
    rng = Random(seed)
    limit = Limit("x", (), calls, 1.0, largest=largest)
    costs = [rng.choice([1.0, largest]) for _ in range(3 * calls)]
    assert most(arrivals(limit, costs, rng), 1.0) <= calls + 1e-6


def test_a_limit_that_does_not_know_its_costliest_call_would_be_passed() -> None:
    """What `largest` is for: a plant that the test above must be able to catch."""
    ignorant = Limit("x", (), 10, 1.0)
    found = max(most(arrivals(ignorant, [4.0] * 20, Random(seed)), 1.0) for seed in range(50))
    assert found > 10


@pytest.mark.parametrize("calls", [10, 1000])
def test_a_long_window_counts_what_has_only_partly_left_it(calls: int) -> None:
    limit = Limit("x", (), calls, 86_400.0)
    quota, sent, now, rng = Quota(), [], 0.0, Random(calls)
    for _ in range(3 * calls):
        now += rng.expovariate(calls / 30_000.0)
        if limiter.used(quota, limit, now) + 1.0 <= limit.allowed:
            quota = limiter.spent(quota, limit, now, 1.0)
            sent.append((now, 1.0))
    assert most(sent, limit.per) <= limit.allowed
    assert most(sent, limit.per) > limit.allowed * 0.8


def test_a_bucket_that_was_lost_begins_with_what_was_sent_before() -> None:
    limit = Limit("x", (), 100, 1.0)
    assert limiter.after_loss(limit, 95.0, 10.0).tokens == limit.burst - 95.0
    assert limiter.wait_for(limiter.after_loss(limit, 95.0, 10.0), limit, 1.0, 1.0) > 0.9


def test_refusals_slow_us_down_and_time_heals() -> None:
    slow = limiter.slowed(limiter.slowed(limiter.Slowdown(), 0.0), 0.0)
    assert 0.4 < limiter.healed(slow, 0.0) < 0.5
    assert limiter.healed(slow, 60.0) == 1.0
    for _ in range(50):
        slow = limiter.slowed(slow, 0.0)
    assert limiter.healed(slow, 0.0) == pytest.approx(0.1)


@pytest.mark.parametrize(
    ("calls", "per", "life", "least"),
    [
        (100, 60.0, 0.25, 0.89),
        (100, 10.0, 0.25, 0.87),
        (100, 1.0, 0.05, 0.85),
        (25, 1.0, 0.05, 0.85),
        (100, 1.0, 0.25, 0.72),
    ],
)
def test_what_is_left_unused_is_the_headroom_a_burst_and_a_permits_life(
    calls: int, per: float, life: float, least: float
) -> None:
    """docs/proof.md (R6) says these: a short window with long permits is where most is lost."""
    limit = Limit("x", (), calls, per, life=life)
    assert limit.rate * per / calls >= least
    assert most(arrivals(limit, [1.0] * 6 * calls, Random(7)), per) <= calls
