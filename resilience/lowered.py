"""Limits that a person set for a while. They hold beside those of the provider's file, so they only ever lower."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import redis

from resilience.limiter import LONG, Limit, after_loss
from resilience.traffic import Traffic
from resilience.way import STATE, lowered_key


@dataclass(frozen=True, slots=True)
class Lowered:
    """What may be sent for a while: of all of a provider's work, or of one tenant's or kind's.

    Attributes:
        calls, per: so many in any window of so many seconds, all that it holds for together.
        tenant, kind: for whom it holds; for everybody when empty.
        left: seconds until it ends by itself.
    """

    calls: int
    per: float
    tenant: str
    kind: str
    left: float

    @property
    def name(self) -> str:
        """How it is called in explanations."""
        kind, tenant = f" of {self.kind}" if self.kind else "", f" of tenant {self.tenant}" if self.tenant else ""
        return f"{self.calls} in {self.per:g} s{kind}{tenant}, lowered"

    def limit(self, traffic: Traffic) -> Limit:
        """As the limit that it is, beside the file's."""
        scope = tuple(part for part in ("tenant", "kind") if getattr(self, part))
        return Limit(
            self.name, scope, float(self.calls), self.per, life=traffic.permit_life, kind=self.kind,
            largest=traffic.largest(self.kind),
        )  # fmt: skip

    def holds(self, tenant: str, kind: str) -> bool:
        """Whether it holds for this tenant's work of that kind."""
        return self.tenant in {"", tenant} and self.kind in {"", kind}


def least(traffic: Traffic, kind: str) -> int:
    """The fewest calls in a window that a limit can be kept at: the most costly one must fit."""
    largest = traffic.largest(kind)
    return 1 if largest <= 1 else int(-(-2 * largest // Limit("", (), 1, 1.0).headroom))


def already(traffic: Traffic, wanted: Lowered) -> Limit | None:
    """The limit of the file beside which a wanted one would lower nothing, where there is one."""
    told = {"tenant": bool(wanted.tenant), "kind": bool(wanted.kind)}
    for limit in traffic.limits:
        covers = limit.kind in {"", wanted.kind} and all(told[part] for part in limit.scope)
        if covers and not limit.concurrent and limit.calls / limit.per <= wanted.calls / wanted.per:
            return limit
    return None


def short(per: float) -> bool:
    """Whether a window is one of those that a lowered limit may have; longer ones belong in the provider's file."""
    return 0 < per < LONG


def spelled(limits: Sequence[Lowered], traffic: Traffic, now: float) -> str:
    """What lowered.lua reads; work without haste leaves a part of a lowered limit to live work, as of every limit."""
    return json.dumps([part for one in limits for part in _parts(one, traffic, now)])


def put(client: redis.Redis, traffic: Traffic, limits: Sequence[Lowered], now: float) -> None:
    """Put what a person ordered into effect; the ledger holds it, this is its copy."""
    key = lowered_key(traffic.provider)
    if limits:
        client.hset(STATE, key, spelled(limits, traffic, now))
    else:
        client.hdel(STATE, key)


def write(pipe: "redis.client.Pipeline", traffic: Traffic, limits: Sequence[tuple[Lowered, float]], now: float) -> None:
    """After a loss: the limits, each with the cost that was sent in its last window and permit life."""
    key = lowered_key(traffic.provider)
    pipe.delete(key)
    for one, sent in limits:
        limit = one.limit(traffic)
        bucket = after_loss(limit, sent, now)
        pipe.hset(key, mapping={f"{limit.name}:tokens": bucket.tokens, f"{limit.name}:at": bucket.at})
    if limits:
        pipe.hset(STATE, key, spelled([one for one, _ in limits], traffic, now))


def _parts(one: Lowered, traffic: Traffic, now: float) -> list[dict[str, Any]]:
    limit = one.limit(traffic)
    shared = {"tenant": one.tenant, "kind": one.kind, "ends": now + one.left}
    return [
        shared | {
            "field": f"{each.name}:", "name": each.name, "burst": each.burst, "rate": each.rate, "per": each.per,
            "spare": each is not limit,
        }
        for each in (limit, limit.spare)
    ]  # fmt: skip
