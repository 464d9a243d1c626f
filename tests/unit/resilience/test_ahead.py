"""Permits taken ahead save round trips where limits are wide; no limit is passed, and nobody goes without for them."""

from collections.abc import Callable, Iterator
from random import Random

import pytest
import redis

from resilience import restore
from resilience.admission import Admission
from resilience.breaker import BreakerPolicy, Verdict
from resilience.limiter import Limit
from resilience.permit import Permit, Question
from resilience.traffic import Lane, Traffic
from resilience.wire import Wire

LANE = Lane("acme", "default", "acme.make")
WIDE = Limit("10000 per 1s", (), 10_000, 1.0)
ASKED = Question(LANE, lease=60)


class Time:
    """Seconds, set by hand, on every clock."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with restore.connect(redis_url) as connected:
        restore.shut(connected, epoch=1, seconds=0)
        restore.reopen(connected, epoch=1, usages=(), breakers={})
        yield connected


@pytest.fixture
def time() -> Time:
    return Time()


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One for each script that was run."""
    found: list[int] = []
    run = Wire.run

    def counted(self: Wire, script: redis.commands.core.Script, *call: tuple[object, ...]) -> object:
        found.append(1)
        return run(self, script, *call)

    monkeypatch.setattr(Wire, "run", counted)
    return found


@pytest.fixture
def made(client: redis.Redis, time: Time) -> Callable[..., Admission]:
    """Admission of a provider with these limits, in a process of its own."""

    def admission(*limits: Limit, **policy: float) -> Admission:
        traffic = Traffic("acme", BreakerPolicy(**policy), limits)  # type: ignore[arg-type]
        return Admission(client, {"acme": traffic}, clock=time, now=time)

    return admission


def granted(admission: Admission, question: Question = ASKED) -> Permit:
    answer = admission.ask_all([question])[0]
    assert isinstance(answer, Permit)
    return answer


def test_who_comes_back_at_once_asks_for_hardly_any(
    made: Callable[..., Admission], time: Time, scripts: list[int]
) -> None:
    admission, tokens = made(WIDE), set[str]()
    for _ in range(1000):
        tokens.add(granted(admission).token)
        time.now += 0.0005
    assert len(tokens) == 1000
    assert len(scripts) < 0.04 * 1000


def test_who_comes_seldom_takes_none_ahead(made: Callable[..., Admission], time: Time, scripts: list[int]) -> None:
    admission = made(WIDE)
    for _ in range(20):
        granted(admission)
        time.now += 0.3
    assert len(scripts) == 20
    for _ in range(20):  # and what was needed in a rush is not taken once it is over
        granted(admission)
    time.now += 0.3
    granted(admission)
    time.now += 0.3
    granted(admission)
    assert admission._ahead.take(ASKED, time.now) is None


def test_none_lies_there_for_longer_than_leaves_time_to_call(made: Callable[..., Admission], time: Time) -> None:
    admission, rng = made(WIDE), Random(4)
    for _ in range(2000):
        permit = granted(admission)
        assert time.now - permit.asked_at < 0.1
        time.now += rng.choice([0.0, 0.001, 0.004, 0.03])


@pytest.mark.parametrize(
    "limits",
    [
        (Limit("100 per 1s", (), 100, 1.0),),
        (WIDE, Limit("8 at once", (), 8, 0.0)),
        (WIDE, Limit("100000 per day", (), 100_000, 86_400.0)),
    ],
)
def test_what_is_scarce_is_asked_for_one_by_one(
    made: Callable[..., Admission], time: Time, scripts: list[int], limits: tuple[Limit, ...]
) -> None:
    admission = made(*limits)
    for _ in range(4):
        admission.report(granted(admission), Verdict.NEUTRAL)
    assert len(scripts) == 8
    assert admission._ahead.take(ASKED, time.now) is None


@pytest.mark.parametrize("seed", range(6))
def test_no_window_holds_more_than_the_limit_however_many_take_ahead(
    made: Callable[..., Admission], time: Time, seed: int
) -> None:
    rng, limit = Random(seed), Limit("2000 per 1s", (), 2000, 1.0)
    workers, calls = [made(limit) for _ in range(4)], list[float]()
    for _ in range(4000):
        answers = rng.choice(workers).ask_all([ASKED] * rng.choice([1, 3, 8]))
        for answer in answers:
            if isinstance(answer, Permit):
                calls.append(min(time.now + rng.choice([0.0, 0.1, 0.2]), answer.asked_at + answer.life))
        time.now += rng.choice([0.0, 0.0005, 0.001, 0.002])
    calls.sort()
    most = max(last - first for first, last in _windows(calls, 1.0))
    assert 1000 < most <= 2000


def _windows(calls: list[float], seconds: float) -> Iterator[tuple[int, int]]:
    """First and behind the last call of every window that begins with one."""
    behind = 0
    for first, at in enumerate(calls):
        while behind < len(calls) and calls[behind] < at + seconds:
            behind += 1
        yield first, behind


def test_taking_ahead_leaves_the_bucket_half_full(made: Callable[..., Admission], client: redis.Redis) -> None:
    limit = Limit("2000 per 1s", (), 2000, 1.0)
    hungry, other = made(limit), made(limit)
    granted(hungry)
    while _tokens(client) > limit.burst / 2 + 1:  # time stands still, and nothing flows in
        granted(hungry)
    for _ in range(int(limit.burst / 2)):
        granted(other)


def _tokens(client: redis.Redis) -> float:
    (key,) = client.keys("{lockgate}:limit:acme:*")  # type: ignore[misc]  # the client is not asynchronous
    return float(client.hget(key, "tokens"))  # type: ignore[arg-type]


def test_a_breaker_that_opened_is_asked_at_once(made: Callable[..., Admission], time: Time) -> None:
    admission = made(WIDE, consecutive=1)
    permits = [granted(admission) for _ in range(50)]
    assert admission._ahead.take(ASKED, time.now) is not None
    admission.report(permits[-1], Verdict.DOWN)
    assert not isinstance(admission.ask_all([ASKED])[0], Permit)


def test_who_hears_that_we_are_too_fast_asks_at_once(made: Callable[..., Admission], time: Time) -> None:
    admission = made(Limit("10000 per 1s", ("tenant",), 10_000, 1.0))
    permits = [granted(admission) for _ in range(50)]
    admission.report(permits[-1], Verdict.NEUTRAL, retry_after=1.0)
    assert not isinstance(admission.ask_all([ASKED])[0], Permit)
    time.now += 2.0
    for _ in range(50):
        granted(admission)  # slowed down: one by one
        time.now += 0.001
        assert admission._ahead.take(ASKED, time.now) is None


def test_a_breaker_that_another_worker_opened_is_noticed_when_the_few_are_used(
    made: Callable[..., Admission], time: Time
) -> None:
    here, there = made(WIDE, consecutive=1), made(WIDE, consecutive=1)
    for _ in range(50):
        granted(here)
    there.report(granted(there), Verdict.DOWN)
    time.now += 0.11
    assert not isinstance(here.ask_all([ASKED])[0], Permit)


def test_a_probe_is_asked_for_and_never_laid_down(made: Callable[..., Admission], time: Time) -> None:
    admission = made(WIDE, consecutive=1, open_for=2.0)
    for _ in range(50):
        permit = granted(admission)
    admission.report(permit, Verdict.DOWN)
    time.now += 2.1
    probing = Question(LANE, lease=60, may_probe=True)
    probe = granted(admission, probing)
    assert probe.probe
    assert not isinstance(admission.ask_all([probing])[0], Permit)
    assert not isinstance(admission.ask_all([ASKED])[0], Permit)


def test_shelves_that_nobody_comes_back_to_are_cleared_away(made: Callable[..., Admission], time: Time) -> None:
    admission = made(WIDE)
    for tenant in range(3000):
        granted(admission, Question(Lane("acme", f"tenant-{tenant}", "acme.make"), lease=60))
        time.now += 0.001
    assert len(admission._ahead._shelves) <= 1000
