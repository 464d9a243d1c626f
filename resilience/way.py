"""What the scripts in Redis are told of a lane: the keys that they touch, and the policy as their arguments."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from resilience.arguments import arguments, spelled
from resilience.limiter import Limit
from resilience.traffic import Lane, Traffic

PREFIX = "{lockgate}:"  # one hash slot: a script touches the keys of one provider together
STATE = f"{PREFIX}state"
REFUSED = f"{PREFIX}refused"  # tickets whose hint was dropped, for the sweep


@dataclass(frozen=True, slots=True)
class Way:
    """What the scripts are told of one lane, always the same: made once.

    Attributes:
        keys, arguments: for asking.
        limits: those of the keys that hold limits.
        lowered: the key of those that a person lowered.
        seats, policy: for reporting.
        at_once: how many calls at once, by the keys that hold such limits.
    """

    keys: tuple[str, ...]
    limits: tuple[str, ...]
    lowered: str
    arguments: tuple[Any, ...]
    seats: tuple[str, ...]
    policy: tuple[Any, ...]
    at_once: Mapping[str, float]


def way_of(traffic: Traffic, lane: Lane) -> Way:
    """What the scripts are told of a lane."""
    limits = _limit_keys(traffic, lane)
    return Way(
        keys=(*_base_keys(lane), *(key for key, _ in limits)),
        limits=tuple(key for key, _ in limits),
        lowered=lowered_key(lane.provider),
        arguments=(*arguments(traffic, lane.kind, spare=lane.spare), lane.tenant, lane.kind, "1" if lane.spare else ""),
        seats=(*_base_keys(lane), *(key for key, limit in limits if limit.concurrent)),
        policy=spelled(traffic.breaker),
        at_once={key: limit.allowed for key, limit in limits if limit.concurrent},
    )


def breaker_key(provider: str) -> str:
    """The hash that holds a provider's breaker."""
    return f"{PREFIX}breaker:{provider}"


def lowered_key(provider: str) -> str:
    """The hash that holds the buckets of a provider's lowered limits; in the state, the field that holds the limits."""
    return f"{PREFIX}lowered:{provider}"


def limit_key(limit: Limit, lane: Lane) -> str:
    """The key that holds a limit's state for whom it counts."""
    scope = ":".join(getattr(lane, part) for part in limit.scope)
    return f"{PREFIX}limit:{lane.provider}:{limit.name}:{scope}"


def _base_keys(lane: Lane) -> list[str]:
    slow = f"{PREFIX}slow:{lane.provider}:{lane.tenant}"
    return [STATE, breaker_key(lane.provider), slow, lowered_key(lane.provider)]


def _limit_keys(traffic: Traffic, lane: Lane) -> list[tuple[str, Limit]]:
    return [
        (limit_key(limit, lane), limit) for limit in (*traffic.limits_for(lane.kind, spare=lane.spare), traffic.ramp)
    ]
