"""Permits taken ahead save round trips where limits are wide; no limit is passed, and half a burst is left to others."""

import sys
from collections.abc import Callable, Iterator
from dataclasses import replace
from random import Random
from threading import Barrier, Thread
from typing import Any

import pytest
import redis
from redis.commands.core import Script

from resilience.admission import Admission
from resilience.ahead import Ahead
from resilience.breaker import BreakerPolicy, BreakerState, Verdict
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
def time() -> Time:
    return Time()


@pytest.fixture
def scripts(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """One for each script that was run."""
    found: list[int] = []
    run = Wire.run

    def counted(self: Wire, script: Script, *call: Any) -> Any:
        found.append(1)
        return run(self, script, *call)

    monkeypatch.setattr(Wire, "run", counted)
    return found


@pytest.fixture
def made(client: redis.Redis, time: Time) -> Callable[..., Admission]:
    """Admission of a provider with these limits, in a process of its own."""

    def admission(*limits: Limit, calls_per_minute: float = 600.0, **policy: float) -> Admission:
        traffic = Traffic("acme", BreakerPolicy(**policy), limits, calls_per_minute)  # type: ignore[arg-type]
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
        time.now += 0.21
    assert len(scripts) == 20


@pytest.mark.parametrize("gap", [0.02, 0.055, 0.11, 0.19])
def test_once_a_rush_is_over_what_is_needed_is_taken(
    made: Callable[..., Admission], client: redis.Redis, time: Time, gap: float
) -> None:
    limit = Limit("10000 per 1s", (), 10_000, 1.0)
    admission = made(limit)
    for _ in range(300):
        granted(admission)
        time.now += 0.0002
    taken, calls = 0.0, 40
    for _ in range(calls):
        before = min(limit.burst, _tokens(client) + (time.now - _as_of(client)) * limit.rate)
        granted(admission)
        if _as_of(client) == pytest.approx(time.now, abs=1e-5):
            taken += before - _tokens(client)
        time.now += gap
    assert calls * 0.5 < taken < calls * 1.5 + 64  # of the rush a last shelf may be left


def test_none_lies_there_for_longer_than_leaves_time_to_call(made: Callable[..., Admission], time: Time) -> None:
    admission, rng = made(WIDE), Random(4)
    for _ in range(2000):
        permit = granted(admission)
        assert time.now - permit.asked_at < 0.1
        time.now += rng.choice([0.0, 0.001, 0.004, 0.03])


@pytest.mark.parametrize(("calls", "most"), [(100, 0), (1000, 4), (10_000, 47)])
def test_a_tenth_of_a_burst_is_granted_ahead_at_most(
    made: Callable[..., Admission], time: Time, calls: int, most: int
) -> None:
    admission, lying = made(Limit("wide", (), calls, 1.0)), list[int]()
    for _ in range(300):
        granted(admission)
        lying.append(len(admission._ahead._shelves[LANE, 1.0].left))
        time.now += 4 / calls
    assert max(lying) == most


@pytest.mark.parametrize(
    "limits",
    [
        (Limit("100 per 1s", (), 100, 1.0),),
        (WIDE, Limit("8 at once", (), 8, 0.0)),
        (WIDE, Limit("100000 per day", (), 100_000, 86_400.0)),
        (Limit("3000 per 50m", (), 3000, 3000.0),),
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
    workers, calls, ahead = [made(limit) for _ in range(4)], list[float](), 0
    for _ in range(8000):
        answer = rng.choice(workers).ask_all([ASKED])[0]
        if isinstance(answer, Permit):
            calls.append(min(time.now + rng.choice([0.0, 0.1, 0.2]), answer.asked_at + answer.life))
            ahead += answer.asked_at < time.now
        time.now += rng.uniform(0.0, 0.0004 if int(2 * time.now) % 2 else 0.002)  # more than it lets pass, and less
    assert ahead > 500
    calls.sort()
    most = max(behind - first for first, behind in _windows(calls, 1.0))
    assert 1000 < most <= limit.allowed


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
        assert len(hungry._ahead._shelves[LANE, 1.0].left) < limit.burst / 10
    for _ in range(int(limit.burst / 2)):
        granted(other)


def _as_of(client: redis.Redis) -> float:
    (key,) = client.keys("{lockgate}:limit:acme:*")  # type: ignore[misc]  # the client is not asynchronous
    return float(client.hget(key, "at"))  # type: ignore[arg-type]


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
    probing = replace(ASKED, may_probe=True)
    probe = granted(admission, probing)
    assert probe.probe
    assert not isinstance(admission.ask_all([probing])[0], Permit)
    assert not isinstance(admission.ask_all([ASKED])[0], Permit)


def test_who_may_probe_asks_for_its_own_permit(made: Callable[..., Admission], scripts: list[int]) -> None:
    admission = made(WIDE)
    for _ in range(50):
        granted(admission)
    before = len(scripts)
    granted(admission, replace(ASKED, may_probe=True))
    assert len(scripts) == before + 1


def test_a_costly_call_does_not_use_what_was_taken_for_a_cheap_one(
    made: Callable[..., Admission], client: redis.Redis
) -> None:
    admission, costly = made(WIDE), replace(ASKED, cost=20.0)
    for _ in range(50):
        granted(admission)
    before = _tokens(client)
    granted(admission, costly)
    assert before - _tokens(client) >= 20
    for _ in range(10):
        granted(admission, costly)
    lying = admission._ahead._shelves[LANE, 20.0].left
    assert 20 * len(lying) <= WIDE.burst / 10


def test_nothing_is_taken_ahead_while_the_flow_grows_after_an_outage(
    made: Callable[..., Admission], time: Time
) -> None:
    admission = made(WIDE, calls_per_minute=600_000, consecutive=1, open_for=2.0, ramp=30.0)
    admission.report(granted(admission), Verdict.DOWN)
    time.now += 2.1
    admission.report(granted(admission, replace(ASKED, may_probe=True)), Verdict.OK)
    for _ in range(200):
        granted(admission)
        assert admission._ahead.take(ASKED, time.now) is None
        time.now += 0.005


def test_what_another_thread_asked_for_while_this_one_reported_a_failure_is_not_used(
    made: Callable[..., Admission], monkeypatch: pytest.MonkeyPatch
) -> None:
    admission = made(WIDE, consecutive=1)
    for _ in range(70):
        permit = granted(admission)
    run = Wire.run

    def meanwhile(self: Wire, script: Script, *call: Any) -> Any:
        if script is admission._report:
            monkeypatch.setattr(Wire, "run", run)
            for _ in range(40):
                granted(admission)
        return run(self, script, *call)

    monkeypatch.setattr(Wire, "run", meanwhile)
    admission.report(permit, Verdict.DOWN)
    assert not isinstance(admission.ask_all([ASKED])[0], Permit)


def test_an_answer_that_was_under_way_when_a_failure_was_reported_is_not_laid_down(
    made: Callable[..., Admission], monkeypatch: pytest.MonkeyPatch
) -> None:
    admission = made(WIDE, consecutive=1)
    for _ in range(70):
        permit = granted(admission)
    admission._ahead._shelves[LANE, 1.0].left.clear()
    run = Wire.run

    def slow(self: Wire, script: Script, *call: Any) -> Any:
        answer = run(self, script, *call)
        monkeypatch.setattr(Wire, "run", run)
        admission.report(permit, Verdict.DOWN)
        return answer

    monkeypatch.setattr(Wire, "run", slow)
    granted(admission)
    assert not isinstance(admission.ask_all([ASKED])[0], Permit)


def test_a_failure_at_one_provider_leaves_what_lies_there_for_another() -> None:
    ahead, other = Ahead(), Question(Lane("other", "default", "other.make"), lease=60)
    for question in (ASKED, other):
        ahead.keep(question, [permit(question.lane, f"{number}") for number in range(2)], 1, 0)
    ahead.forget("acme")
    assert ahead.take(ASKED, 100.0) is None
    assert ahead.take(other, 100.0) is not None


def test_what_two_threads_asked_for_at_the_same_moment_is_used() -> None:
    ahead = Ahead()
    for name in "ab":
        ahead.keep(ASKED, [permit(LANE, f"{name}{number}") for number in range(3)], 1, 0)
    found = [ahead.take(ASKED, 100.0) for _ in range(5)]
    assert [one and one.token for one in found] == ["a1", "a2", "b1", "b2", None]


def test_who_hears_of_one_lane_that_the_breaker_is_open_uses_nothing_of_the_others(
    made: Callable[..., Admission],
) -> None:
    here, there, elsewhere = made(WIDE, consecutive=1), made(WIDE, consecutive=1), Lane("acme", "other", "acme.make")
    for _ in range(50):
        granted(here)
    there.report(granted(there), Verdict.DOWN)
    assert not isinstance(here.ask(elsewhere, lease=60), Permit)
    assert not isinstance(here.ask_all([ASKED])[0], Permit)


def test_a_permit_that_is_handed_back_frees_its_seat_and_the_probe(made: Callable[..., Admission], time: Time) -> None:
    admission = made(Limit("1 at once", (), 1, 0.0))
    admission.hand_back(granted(admission))
    admission.hand_back(granted(admission))
    admission = made(consecutive=1, open_for=2.0)
    admission.report(granted(admission), Verdict.DOWN)
    time.now += 2.1
    for _ in range(2):
        probe = granted(admission, replace(ASKED, may_probe=True))
        admission.hand_back(probe)


def permit(lane: Lane, token: str) -> Permit:
    return Permit(token, lane, 100.0, 0.25, 0, BreakerState.CLOSED, probe=False)


def test_none_is_used_twice_however_many_threads_take_and_lay_down() -> None:
    ahead, used, begin = Ahead(), list[list[str]](), Barrier(6)

    def worker(name: int) -> None:
        own: list[str] = []
        used.append(own)
        begin.wait()
        for number in range(4000):
            taken = ahead.take(ASKED, 100.0)
            if taken is None:
                granted = [permit(LANE, f"{name}-{number}-{place}") for place in range(8)]
                own.append(granted[0].token)
                ahead.keep(ASKED, granted, 1, 0)
            else:
                own.append(taken.token)

    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        threads = [Thread(target=worker, args=(name,)) for name in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)
    tokens = [token for own in used for token in own]
    assert len(tokens) == len(set(tokens)) == 6 * 4000


def test_shelves_that_nobody_comes_back_to_are_cleared_away(made: Callable[..., Admission], time: Time) -> None:
    admission = made(WIDE)
    for tenant in range(3000):
        granted(admission, Question(Lane("acme", f"tenant-{tenant}", "acme.make"), lease=60))
        time.now += 0.001
    assert len(admission._ahead._shelves) <= 1000
