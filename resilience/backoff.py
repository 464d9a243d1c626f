"""How long to wait before the next attempt."""

from random import Random

from operations.operation import RetryPolicy

_RETRY_AFTER_FLOOR = 1.0  # seconds; a provider that says 0 or a time in the past would otherwise be hammered


def before_attempt(number: int, policy: RetryPolicy, rng: Random) -> float:
    """Seconds before attempt `number`, counted from 1: the policy's delay, jittered between its half and its whole."""
    planned = min(policy.delays[min(number, len(policy.delays)) - 1], policy.ceiling)
    return planned * rng.uniform(0.5, 1.0)


def growing(round_: int, *, first: float, ceiling: float, rng: Random) -> float:
    """Seconds before a round, counted from 0, of something that may go on: doubling up to a ceiling, jittered."""
    return min(first * 2.0 ** min(round_, 30), ceiling) * rng.uniform(0.5, 1.0)


def after_rate_limit(retry_after: float | None, policy: RetryPolicy, rng: Random) -> float:
    """Seconds to stay away after a 429: never less than was asked for, and spread, so that not all return at once."""
    asked = policy.delays[-1] if retry_after is None else retry_after
    return max(asked, _RETRY_AFTER_FLOOR) * rng.uniform(1.0, 1.2)
