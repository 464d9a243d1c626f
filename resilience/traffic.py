"""What the fleet may send to one provider: its breaker and its limits, as numbers."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from resilience.breaker import BreakerPolicy
from resilience.limiter import Limit


@dataclass(frozen=True, slots=True)
class Traffic:
    """The admission policy of one provider.

    Attributes:
        calls_per_minute: the volume that was measured or is expected; the ramp after an outage grows towards it.
        permit_life: seconds for which a permit is good.
        costs: of the kinds that cost other than 1.
    """

    provider: str
    breaker: BreakerPolicy = field(default_factory=BreakerPolicy)
    limits: tuple[Limit, ...] = ()
    calls_per_minute: float = 600.0
    permit_life: float = 0.25
    costs: Mapping[str, float] = field(default_factory=dict)

    def largest(self, kind: str) -> float:
        """The cost of a call of a kind; of no kind, the cost of the most costly one."""
        return self.costs.get(kind, 1.0) if kind else max(self.costs.values(), default=1.0)

    @property
    def ramp(self) -> Limit:
        """A limit that holds only while the flow grows after an outage, so that an unlimited provider ramps too."""
        return Limit("ramp", (), max(60.0, self.calls_per_minute) / 6.0, 10.0, headroom=1.0, life=self.permit_life)

    def limits_for(self, kind: str, *, spare: bool = False) -> tuple[Limit, ...]:
        """The limits that hold for a call of a kind; for one without haste, those that leave a reserve for live work too."""
        own = tuple(limit for limit in self.limits if limit.kind in {"", kind})
        return (*own, *(limit.spare for limit in own)) if spare else own

    def seats_for(self, kind: str) -> bool:
        """Whether a call of a kind takes up one of the calls that may be made at once."""
        return any(limit.concurrent for limit in self.limits_for(kind))

    @property
    def shortest_window(self) -> float:
        """Seconds: how long admission stays shut after Redis lost its state."""
        return min((limit.per for limit in self.limits if not limit.concurrent), default=0.0)


@dataclass(frozen=True, slots=True)
class Lane:
    """Where a call counts: its provider, its tenant and its kind.

    Attributes:
        spare: it has no haste, as a requeue of many has none: it leaves a reserve of each limit to live work.
    """

    provider: str
    tenant: str
    kind: str
    spare: bool = False
