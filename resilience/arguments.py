"""A policy as the arguments of the scripts: policy.lua and limiter.lua read them in this order."""

from collections.abc import Sequence
from typing import Any

from resilience.breaker import BreakerPolicy
from resilience.limiter import Limit
from resilience.traffic import Traffic


def arguments(traffic: Traffic, kind: str, *, spare: bool = False) -> tuple[Any, ...]:
    """A kind's breaker and limits, the ramp last."""
    limits: Sequence[Limit] = (*traffic.limits_for(kind, spare=spare), traffic.ramp)
    flat = [
        value for limit in limits for value in (_type(limit), limit.allowed, *_refill(limit), limit.per, limit.life)
    ]
    return (*spelled(traffic.breaker), len(limits), *flat)


def _refill(limit: Limit) -> tuple[float, float]:
    return (0.0, 0.0) if limit.concurrent else (limit.burst, limit.rate)


def _type(limit: Limit) -> str:
    if limit.name == "ramp":
        return "ramp"
    if limit.concurrent:
        return "seats"
    if limit.long:
        return "quota"
    return "bucket" if "tenant" in limit.scope else "shared"  # a tenant that is slowed down slows down nobody else


def spelled(policy: BreakerPolicy) -> tuple[Any, ...]:
    """A breaker's policy."""
    return (
        policy.mode, policy.consecutive, policy.rate, policy.min_calls, policy.window, policy.open_for,
        policy.open_for_max, policy.probe_life, policy.ramp,
    )  # fmt: skip
