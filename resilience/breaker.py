"""When a provider counts as down: the breaker as a pure function of its state, an event and the time.

`breaker.lua` is the same in Redis, where the fleet shares it; a test drives both through the same histories. Where the
measured volume supports a rate, a rate opens it; where it does not, consecutive failures do.
"""

from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

SLOTS = 10  # parts of the window; the oldest leaves as a whole
OF_BEFORE = "of before"  # in the place of the token of a probe that nobody remembers


class BreakerState(StrEnum):
    """The three states, under pybreaker's names."""

    CLOSED = "closed"
    OPEN = "open"
    HALF_OPEN = "half-open"


class Verdict(StrEnum):
    """What a call said of the provider's health."""

    OK = "ok"
    DOWN = "down"
    NEUTRAL = "neutral"  # it says nothing: a refusal of ours, or a permit handed back unused


@dataclass(frozen=True, slots=True)
class BreakerPolicy:
    """When to open, for how long, and how to come back.

    Attributes:
        mode: `auto` uses the rate while the window holds enough calls, `consecutive` never does.
        consecutive: failures in a row that open it at low volume; below the number of attempts of every kind.
        rate: share of failures in the window that opens it at high volume.
        min_calls: calls in the window from which a rate means something.
        window: seconds.
        open_for: seconds until the first probe; doubles with each failed probe, up to `open_for_max`.
        probe_life: seconds after which a probe that did not report is taken for lost; above the call's total deadline.
        ramp: seconds after closing in which the flow grows from a tenth to all of the limit.
    """

    mode: Literal["auto", "consecutive"] = "auto"
    consecutive: int = 3
    rate: float = 0.5
    min_calls: int = 20
    window: float = 10.0
    open_for: float = 10.0
    open_for_max: float = 60.0
    probe_life: float = 60.0
    ramp: float = 30.0


@dataclass(frozen=True, slots=True)
class Breaker:
    """The shared state of one provider's breaker; times are seconds on one clock.

    Attributes:
        trip: how often it opened; a report about an earlier trip is stale and changes nothing.
        opens: openings in a row without a close between them.
        slots: (number, calls, failures) of each part of the window that saw a call.
        held: what an operator ordered, until it is released.
    """

    state: BreakerState = BreakerState.CLOSED
    trip: int = 0
    consecutive: int = 0
    opens: int = 0
    retry_at: float = 0.0
    closed_at: float = -1e9
    probe: str = ""
    probe_until: float = 0.0
    by_rate: bool = False
    slots: tuple[tuple[int, int, int], ...] = field(default=())
    held: Literal["", "open", "closed"] = ""


@dataclass(frozen=True, slots=True)
class Pass:
    """Whether a call may be made, and under which trip it reports; `wait` is seconds until asking again makes sense."""

    allowed: bool
    state: BreakerState
    trip: int
    wait: float = 0.0
    probe: bool = False


def admit(breaker: Breaker, policy: BreakerPolicy, now: float, *, token: str, may_probe: bool) -> tuple[Breaker, Pass]:
    """Ask for a call. In half-open one call at a time passes, and only one that was chosen as a probe."""
    if breaker.held:
        allowed = breaker.held == "closed"
        state = BreakerState.CLOSED if allowed else BreakerState.OPEN
        return breaker, Pass(allowed, state, breaker.trip, 0.0 if allowed else policy.open_for_max)
    if breaker.state is BreakerState.CLOSED:
        return breaker, Pass(True, breaker.state, breaker.trip)
    if now < breaker.retry_at:
        return breaker, Pass(False, BreakerState.OPEN, breaker.trip, breaker.retry_at - now)
    half_open = replace(breaker, state=BreakerState.HALF_OPEN)
    if half_open.probe and now < half_open.probe_until:
        return half_open, Pass(False, half_open.state, half_open.trip, half_open.probe_until - now)
    if not may_probe:
        return half_open, Pass(False, half_open.state, half_open.trip)
    probing = replace(half_open, probe=token, probe_until=now + policy.probe_life)
    return probing, Pass(True, probing.state, probing.trip, probe=True)


def after_loss(breaker: Breaker, policy: BreakerPolicy, now: float, *, under_way: float) -> Breaker:
    """The breaker as it must begin after its shared state was lost.

    Args:
        breaker: as the ledger knows it.
        policy: of the provider.
        now: seconds on the breaker's clock.
        under_way: seconds for which a call of before may still last; one of them may be the probe, so none is let in
            beside it. 0 when there is none.
    """
    if breaker.state is BreakerState.CLOSED or under_way <= 0:
        return breaker
    return replace(breaker, probe=OF_BEFORE, probe_until=now + min(under_way, policy.probe_life))


def report(breaker: Breaker, policy: BreakerPolicy, now: float, *, verdict: Verdict, trip: int, token: str) -> Breaker:
    """Take in what a call said; a state that differs from the one before is a transition to write down."""
    if breaker.held or trip != breaker.trip:
        return breaker
    if breaker.state is BreakerState.CLOSED:
        return _count(breaker, policy, now, verdict)
    if breaker.probe != token:
        return breaker
    match verdict:
        case Verdict.OK:
            return Breaker(trip=breaker.trip, closed_at=now, by_rate=breaker.by_rate)
        case Verdict.DOWN:
            return _open(breaker, policy, now)
        case Verdict.NEUTRAL:
            return replace(breaker, probe="", probe_until=0.0)


def flow(breaker: Breaker, policy: BreakerPolicy, now: float) -> float:
    """The share of the limit that may flow: from a tenth right after closing to all of it after the ramp."""
    if policy.ramp <= 0:
        return 1.0
    return min(1.0, max(0.1, (now - breaker.closed_at) / policy.ramp))


def _count(breaker: Breaker, policy: BreakerPolicy, now: float, verdict: Verdict) -> Breaker:
    if verdict is Verdict.NEUTRAL:
        return breaker
    down = verdict is Verdict.DOWN
    slots = _slots_with(breaker.slots, policy, now, down=down)
    calls = sum(slot[1] for slot in slots)
    failures = sum(slot[2] for slot in slots)
    counted = replace(
        breaker,
        slots=slots,
        consecutive=breaker.consecutive + 1 if down else 0,
        by_rate=_supports_a_rate(breaker, policy, calls),
    )
    tripped = failures >= policy.rate * calls if counted.by_rate else counted.consecutive >= policy.consecutive
    return _open(counted, policy, now) if down and tripped else counted


def _supports_a_rate(breaker: Breaker, policy: BreakerPolicy, calls: int) -> bool:
    """With hysteresis, so that a volume near the threshold does not flip the mode at every call."""
    if policy.mode == "consecutive":
        return False
    return calls >= policy.min_calls * (0.75 if breaker.by_rate else 1.25)


def _slots_with(
    slots: tuple[tuple[int, int, int], ...], policy: BreakerPolicy, now: float, *, down: bool
) -> tuple[tuple[int, int, int], ...]:
    number = int(now / (policy.window / SLOTS))
    kept = {slot[0]: slot for slot in slots if slot[0] > number - SLOTS}
    _, calls, failures = kept.get(number, (number, 0, 0))
    kept[number] = (number, calls + 1, failures + int(down))
    return tuple(kept.values())


def _open(breaker: Breaker, policy: BreakerPolicy, now: float) -> Breaker:
    wait = min(policy.open_for * 2.0**breaker.opens, policy.open_for_max)
    return Breaker(
        state=BreakerState.OPEN,
        trip=breaker.trip + 1,
        opens=breaker.opens + 1,
        retry_at=now + wait,
        by_rate=breaker.by_rate,
    )
