"""What is asked of admission, and what it answers."""

from dataclasses import dataclass

from resilience.breaker import BreakerState
from resilience.traffic import Lane


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one call.

    Attributes:
        asked_at: BOOTTIME before it was asked for; from then on it ages.
        trip: the breaker's trip under which the call reports.
        probe: it is the one call that finds out whether the provider is back.
    """

    token: str
    lane: Lane
    asked_at: float
    life: float
    trip: int
    breaker: BreakerState
    probe: bool

    def expired(self, now: float) -> bool:
        """Whether it is too old to send under; the limits count on that."""
        return now - self.asked_at > self.life


@dataclass(frozen=True, slots=True)
class Question:
    """May a call be made? See `Admission.ask`.

    Attributes:
        patience: seconds within which who asks would ask again, instead of giving its hint up.
    """

    lane: Lane
    lease: float
    cost: float = 1.0
    may_probe: bool = False
    ticket: str = ""
    patience: float = 0.0


@dataclass(frozen=True, slots=True)
class Refused:
    """No leave: `reason` is `redis`, `breaker` or `rate:<name of the limit>`; `wait` is seconds until asking makes sense.

    Attributes:
        soon: that is within the asker's patience, and its hint is not given up.
    """

    reason: str
    wait: float
    breaker: BreakerState = BreakerState.CLOSED
    trip: int = 0
    soon: bool = False


@dataclass(frozen=True, slots=True)
class Health:
    """The breaker after a report; `None` states mean that Redis could not say."""

    before: BreakerState | None
    after: BreakerState | None
    trip: int = 0
    retry_in: float = 0.0

    @property
    def closed(self) -> bool:
        """Whether it is known to be closed."""
        return self.after is BreakerState.CLOSED

    @property
    def moved(self) -> bool:
        """Whether this report opened or closed it."""
        return self.before is not self.after
