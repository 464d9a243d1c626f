"""How an operation goes on after an outcome or a finding: pure, and the only place that decides it.

1. What we know of the effect is the join over all attempts; only proof lowers it (docs/error-classes.md).
2. Nothing is sent again while the effect is unknown, except under an idempotency key that the provider still keeps.
3. Where the provider can be asked, it is asked before a person is.
4. Where it cannot, a doubt becomes a dead letter with the effect *unknown*, and nothing is sent again.
"""

from dataclasses import dataclass, replace
from random import Random
from typing import assert_never

from operations.means import Means
from operations.operation import Purpose, RetryPolicy, Standing
from operations.outcome import (
    Absent,
    Accepted,
    Ask,
    Declined,
    Deferred,
    Effect,
    ErrorClass,
    Failed,
    Finding,
    Open,
    Outcome,
    Present,
    Settled,
    Succeeded,
    Unclear,
)
from operations.states import Reason, State
from resilience.backoff import after_rate_limit, before_attempt, growing

_ASK_AGAIN_FIRST = 1.0  # seconds before an inquiry that proved nothing is repeated the first time
_UNSENT = 0.2  # seconds before another try at what our own side kept from being sent


@dataclass(frozen=True, slots=True)
class Settle:
    """It ended: succeeded or declined."""

    state: State
    effect: Effect
    reference: str | None = None
    code: str | None = None


@dataclass(frozen=True, slots=True)
class Await:
    """The provider will answer later; ask it again after `delay` seconds unless it says so first."""

    delay: float
    reference: str | None = None


@dataclass(frozen=True, slots=True)
class Retry:
    """Send (again) after `delay` seconds.

    Attributes:
        failures: attempts used up from now on.
        tentative: the last of them counts only if the breaker did not open before the next falls due.
    """

    delay: float
    reason: Reason
    effect: Effect
    failures: int
    tentative: bool = False


@dataclass(frozen=True, slots=True)
class Confirm:
    """Ask the provider after `delay` seconds, before anything is sent again.

    Attributes:
        absent: this reading said that it is not there, and counts as the first of two.
        reference, declined: what is known of something left open at the provider.
    """

    delay: float
    effect: Effect
    failures: int
    absent: bool = False
    frozen: bool = False
    reference: str | None = None
    declined: str | None = None


@dataclass(frozen=True, slots=True)
class Park:
    """It became a person's turn: a dead letter that says what is true at the provider."""

    reason: str
    effect: Effect
    error_class: ErrorClass | None = None


Decision = Settle | Await | Retry | Confirm | Park


@dataclass(frozen=True, slots=True)
class Around:
    """What is true around the attempt.

    Attributes:
        policy: the kind's attempts and delays.
        rng: the source of jitter.
        breaker_closed: the provider's breaker is closed after this attempt was reported.
        rounds: inquiries made so far, for the pace of further ones.
    """

    policy: RetryPolicy
    rng: Random
    breaker_closed: bool = True
    rounds: int = 0


def decide(standing: Standing, heard: Outcome | Finding, around: Around) -> Decision:
    """Decide how an operation goes on after what was heard: the outcome of a send, or the finding of an inquiry."""
    match heard:
        case Succeeded() | Accepted() | Declined() | Open():
            return _settled(standing, heard, around.policy)
        case Present(outcome=found):
            return _settled(standing, _proven(found), around.policy)
        case Failed():
            return _failed(standing, heard, around)
        case Deferred():
            return _unsent(standing, heard)
        case Absent():
            return _absent(standing, around)
        case Unclear():
            return _unclear(standing, heard, around)
        case Ask():
            raise TypeError("an Ask is carried out, not decided")
        case _:  # pragma: no cover
            assert_never(heard)


def _proven(found: Settled) -> Settled:
    """What an inquiry found speaks for every send of the operation, as an answer behind the key does."""
    return replace(found, behind_key=True) if isinstance(found, Declined) else found


def _settled(standing: Standing, heard: Settled, policy: RetryPolicy) -> Decision:
    match heard:
        case Succeeded(reference=reference):
            return Settle(State.SUCCEEDED, Effect.DONE, reference or standing.reference)
        case Accepted(reference=reference):
            return Await(policy.ask_every, reference or standing.reference)
        case Open(code=code, reference=reference):
            if not standing.assurance.means.asks:
                return Park("left open", Effect.UNKNOWN)
            return Confirm(0.0, Effect.UNKNOWN, standing.failures, reference=reference, declined=code)
        case Declined(code=code, behind_key=behind_key):
            if standing.effect is Effect.NONE or behind_key:
                return Settle(State.DECLINED, Effect.NONE, standing.reference, code)
            return _ask_first(standing, "declined after a doubt")
        case _:  # pragma: no cover
            assert_never(heard)


def _failed(standing: Standing, failed: Failed, around: Around) -> Decision:
    effect = _effect_after(standing, failed)
    if failed.connection:
        return Retry(around.policy.ceiling, Reason.CONNECTION, effect, standing.failures)
    if failed.error_class is ErrorClass.RATE_LIMITED:
        wait = after_rate_limit(failed.retry_after, around.policy, around.rng)
        return Retry(wait, Reason.RATE, effect, standing.failures)
    if failed.error_class is ErrorClass.CLIENT:
        if effect is Effect.NONE:
            return Park("client", effect, failed.error_class)
        return _ask_first(standing, "client", failed)
    if effect is Effect.UNKNOWN and (standing.assurance.means is not Means.KEY or failed.frozen):
        return _ask_first(standing, "ambiguous", failed)  # whatever the class: only a key makes a repetition safe
    return _again(standing, failed, effect, around)


def _effect_after(standing: Standing, failed: Failed) -> Effect:
    """The join; lowered to what this answer says only when it came from behind the provider's idempotency layer."""
    if failed.behind_key and failed.effect is Effect.NONE:
        return Effect.NONE
    return standing.effect.joined(failed.effect)


def _again(standing: Standing, failed: Failed, effect: Effect, around: Around) -> Decision:
    if failed.down and not around.breaker_closed:  # an outage uses up no attempt
        return Retry(_wait(standing.failures, failed, around), Reason.BREAKER, effect, standing.failures)
    failures = standing.failures + 1
    wait = _wait(failures, failed, around)
    if failures < around.policy.attempts:
        return Retry(wait, Reason.BACKOFF, effect, failures, tentative=failed.down)
    if failed.down:
        return Retry(wait, Reason.EXHAUSTED, effect, failures, tentative=True)
    if effect is Effect.UNKNOWN:
        return _ask_first(replace(standing, failures=failures, effect=effect), "exhausted", failed)
    return Park("exhausted", effect, failed.error_class)


def _wait(failures: int, failed: Failed, around: Around) -> float:
    return max(before_attempt(failures + 1, around.policy, around.rng), failed.retry_after or 0.0)


def exhausted(standing: Standing, *, breaker_opened: bool, policy: RetryPolicy) -> Decision:
    """Judge an operation that ran out of attempts, when its next one would have fallen due.

    If the breaker opened meanwhile, the last failure was the outage's, not the operation's: it gets one more attempt.
    """
    if breaker_opened:
        return Retry(0.0, Reason.BREAKER, standing.effect, min(standing.failures, policy.attempts) - 1)
    if standing.effect is Effect.UNKNOWN:
        return _ask_first(standing, "exhausted")
    return Park("exhausted", standing.effect, ErrorClass.TRANSIENT)


def poisoned(standing: Standing) -> Decision:
    """Judge an operation that took down a process made for it alone. It is never sent again by itself."""
    if standing.purpose is Purpose.SEND:
        return _ask_first(standing, "poison")
    return Park("poison", standing.effect, ErrorClass.AMBIGUOUS)  # it is the asking that takes it down


def overdue(standing: Standing, reason: str) -> Decision:
    """Decide an operation whose deadline has passed, or that was revoked or has expired; nothing more is sent."""
    if standing.effect is Effect.UNKNOWN and standing.purpose is Purpose.SEND:
        return _ask_first(standing, reason)
    return Park(reason, standing.effect)


def _ask_first(standing: Standing, reason: str, failed: Failed | None = None) -> Decision:
    """Confirm where the provider can be asked; a dead letter with the effect unknown where it cannot."""
    effect = Effect.UNKNOWN
    if not standing.assurance.means.asks:
        return Park(reason, effect, failed.error_class if failed else ErrorClass.AMBIGUOUS)
    frozen = standing.frozen or (failed is not None and failed.frozen)
    wait = max(standing.assurance.settle, (failed.retry_after or 0.0) if failed else 0.0)
    return Confirm(wait, effect, standing.failures, frozen=frozen)


def _unsent(standing: Standing, deferred: Deferred) -> Decision:
    delay = max(deferred.delay, _UNSENT)
    if standing.awaiting:
        return Await(delay, standing.reference)
    if standing.purpose is Purpose.INQUIRE:
        return Confirm(delay, standing.effect, standing.failures, frozen=standing.frozen)
    return Retry(delay, Reason.BACKOFF, standing.effect, standing.failures)


def _absent(standing: Standing, around: Around) -> Decision:
    """Absence counts after `settle`, and proves nothing before a second reading at least `settle` later."""
    settle = standing.assurance.settle
    keep = Confirm(max(settle, _ASK_AGAIN_FIRST), standing.effect, standing.failures, frozen=standing.frozen)
    if standing.awaiting:
        return Await(around.policy.ask_every, standing.reference)
    if standing.reference is not None:
        return keep  # it named the thing: not seeing it proves nothing
    if standing.settle_left > 0:
        return replace(keep, delay=standing.settle_left)
    if standing.absent_for is None:
        return replace(keep, delay=settle, absent=True)
    if standing.absent_for < settle:
        return replace(keep, delay=settle - standing.absent_for)
    return _proven_absent(standing, around)


def _proven_absent(standing: Standing, around: Around) -> Decision:
    if standing.frozen:
        # Under the old key the provider repeats its 500; a new key could charge twice if it was only slow to show.
        effect = Effect.UNKNOWN if standing.assurance.money else Effect.NONE
        return Park("frozen_key", effect, ErrorClass.AMBIGUOUS)
    if standing.poison:
        return Park("poison", Effect.NONE, ErrorClass.AMBIGUOUS)
    failures = standing.failures + 1
    if failures >= around.policy.attempts:
        return Park("exhausted", Effect.NONE, ErrorClass.AMBIGUOUS)
    return Retry(before_attempt(failures + 1, around.policy, around.rng), Reason.BACKOFF, Effect.NONE, failures)


def _unclear(standing: Standing, unclear: Unclear, around: Around) -> Decision:
    asked = unclear.retry_after or 0.0
    if not standing.assurance.means.asks:
        return Park(
            "restored", Effect.UNKNOWN, ErrorClass.AMBIGUOUS
        )  # only after a restore is there a doubt to ask about
    if standing.awaiting:
        return Await(max(around.policy.ask_every, asked), standing.reference)
    pace = growing(around.rounds, first=_ASK_AGAIN_FIRST, ceiling=around.policy.ceiling, rng=around.rng)
    wait = max(pace, asked, standing.settle_left)
    return Confirm(wait, standing.effect, standing.failures, frozen=standing.frozen)
