"""How much may be sent: limits as pure functions of their state and the time.

`limiter.lua` is the same in Redis, where the fleet shares it; a test drives both through the same histories. For every
window, burst + rate x (window + permit life) <= calls x headroom: the calls of one window stem from the permits of at
most a window and a permit's life, so no window at the provider ever holds more than the limit.
"""

from dataclasses import dataclass, replace

QUOTA_SLOTS = 24  # parts of a long window; counting one slot more than the window holds never counts too little
SPARE = 0.5  # share of each limit that work without haste may use; the rest is there for live work at any time
_TINY = 3  # calls a window below which the burst of one call would leave nothing for the rate
LONG = 3600.0  # seconds from which a window is counted in slots instead of refilled


@dataclass(frozen=True, slots=True)
class Limit:
    """One limit of a provider.

    Attributes:
        name: how it is called in explanations, such as `100 per 1s`.
        scope: whom it holds for apart from the provider: any of `tenant` and `kind`.
        calls: what the provider allows in one window, in units of cost; for `concurrent` the calls at once.
        per: the window in seconds; 0 for a limit on calls at once.
        headroom: the share of it that we use; the rest is for clocks and paths that bunch calls together.
        life: seconds for which a permit is good; older ones are void.
        kind: the only kind that it holds for; all when empty.
        largest: the cost of the most costly call that it holds for; a bucket never gives less than one such call at once.
    """

    name: str
    scope: tuple[str, ...]
    calls: float
    per: float
    headroom: float = 0.95
    life: float = 0.25
    kind: str = ""
    largest: float = 1.0

    @property
    def concurrent(self) -> bool:
        """Whether it bounds calls at once instead of calls in a window."""
        return self.per == 0

    @property
    def long(self) -> bool:
        """Whether it is counted in slots."""
        return self.per >= LONG

    @property
    def allowed(self) -> float:
        """What we use of it in one window."""
        return self.calls if self.concurrent else self.calls * self.headroom

    @property
    def burst(self) -> float:
        """What may be sent at one moment; a twentieth of the window, at least one call."""
        return max(self.largest, self.allowed / 20.0)

    @property
    def spare(self) -> "Limit":
        """What work without haste may use of it: a second limit beside it, which leaves the rest to live work.

        It is never so narrow that the most costly call would not fit.
        """
        least = 1.0 if self.concurrent else 0.0
        if self.largest > 1 and not self.concurrent:
            least = min(self.calls, 2 * self.largest / self.headroom)
        return replace(self, name=f"{self.name}, spare", calls=max(self.calls * SPARE, least))

    @property
    def rate(self) -> float:
        """Calls per second in the long run."""
        if self.calls < _TINY and self.largest == 1:  # of so few, whole calls count: floor(1 + 0.99 x calls) is calls
            return 0.99 * self.calls / (self.per + self.life)
        return (self.allowed - self.burst) / (self.per + self.life)


@dataclass(frozen=True, slots=True)
class Bucket:
    """The state of a limit on a short window: what may be sent now, as of a time."""

    tokens: float
    at: float


@dataclass(frozen=True, slots=True)
class Quota:
    """The state of a limit on a long window: (number, cost) of each slot."""

    slots: tuple[tuple[int, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Seats:
    """The state of a limit on calls at once: (token, until) of each."""

    taken: tuple[tuple[str, float], ...] = ()


@dataclass(frozen=True, slots=True)
class Slowdown:
    """How far a provider's own refusals slowed us down: a factor as of a time, which heals in `_HEAL` seconds."""

    factor: float = 1.0
    at: float = 0.0


_DUST = 1e-9  # what floating point leaves behind
_HEAL = 60.0  # seconds from the lowest factor back to full speed
_LOWEST = 0.1


def filled(bucket: Bucket | None, limit: Limit, now: float, flow: float) -> Bucket:
    """The bucket as it stands now; one that nobody has used yet is full."""
    if bucket is None:
        return Bucket(limit.burst, now)
    tokens = bucket.tokens + max(0.0, now - bucket.at) * limit.rate * flow
    return Bucket(min(tokens, limit.burst), max(now, bucket.at))


def wait_for(bucket: Bucket, limit: Limit, cost: float, flow: float) -> float:
    """Seconds until a filled bucket holds `cost`; 0 when it does. A cost above the burst passes once it is full."""
    missing = min(cost, limit.burst) - bucket.tokens
    return 0.0 if missing <= _DUST else missing / max(limit.rate * flow, _DUST)


def taken(bucket: Bucket, cost: float) -> Bucket:
    """The bucket after a call; a cost above the burst leaves a debt."""
    return replace(bucket, tokens=bucket.tokens - cost)


def used(quota: Quota, limit: Limit, now: float) -> float:
    """The cost in the last window and permit life, counting a slot that has only partly left it as whole."""
    oldest = int((now - limit.per - limit.life) / (limit.per / QUOTA_SLOTS))
    return sum(cost for number, cost in quota.slots if number >= oldest)


def spent(quota: Quota, limit: Limit, now: float, cost: float) -> Quota:
    """The quota after a call."""
    number = int(now / (limit.per / QUOTA_SLOTS))
    kept = {slot: amount for slot, amount in quota.slots if slot >= number - QUOTA_SLOTS - 1}
    kept[number] = kept.get(number, 0.0) + cost
    return Quota(tuple(kept.items()))


def seated(seats: Seats, now: float) -> Seats:
    """The seats without those whose lease has ended."""
    return Seats(tuple(seat for seat in seats.taken if seat[1] > now))


def slowed(slowdown: Slowdown, now: float) -> Slowdown:
    """After a 429: two thirds of the speed that we had."""
    return Slowdown(max(_LOWEST, healed(slowdown, now) * 0.67), now)


def healed(slowdown: Slowdown, now: float) -> float:
    """The factor as it stands now."""
    return min(1.0, slowdown.factor + max(0.0, now - slowdown.at) / _HEAL)


def after_loss(limit: Limit, sent: float, now: float) -> Bucket:
    """A bucket rebuilt from the ledger after Redis lost it, from the cost sent in the last window and permit life.

    What was sent and what will be sent together stay within the limit, so the bucket may begin with a debt.
    """
    return Bucket(limit.burst - sent, now)
