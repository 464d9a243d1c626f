"""A provider that lies, in simulated time."""

from dataclasses import dataclass, field
from random import Random
from zlib import crc32

from operations.means import Means
from operations.outcome import (
    Absent,
    Declined,
    Effect,
    ErrorClass,
    Failed,
    Finding,
    Outcome,
    Present,
    Succeeded,
    Unclear,
)

TIMEOUT = Failed(ErrorClass.AMBIGUOUS, Effect.UNKNOWN, "read_timeout", down=True)
REFUSED = Failed(ErrorClass.TRANSIENT, Effect.NONE, "connect_refused", down=True)


@dataclass
class Provider:
    """Honours its means, and answers badly.

    Attributes:
        trouble: the share of calls that end badly.
        lag: seconds until an effect shows in a look-up; shorter than the settle time that we assume.
    """

    rng: Random
    means: Means
    kept_for: float
    lag: float
    trouble: float
    down_until: float = -1.0
    effects: dict[str, list[float]] = field(default_factory=dict)
    answers: dict[str, tuple[float, Outcome]] = field(default_factory=dict)
    arrivals: list[float] = field(default_factory=list)
    sends_after_doubt: dict[str, int] = field(default_factory=dict)

    def send(self, key: str, now: float) -> tuple[Outcome, float]:
        """One write: the outcome as our side will hear it, and the seconds that it takes."""
        self.arrivals.append(now)
        if now < self.down_until:
            return self.rng.choice([(REFUSED, 0.01), (TIMEOUT, 3.0)])
        if self.rng.random() >= self.trouble:
            return self._execute(key, now), self.rng.uniform(0.01, 0.3)
        match self.rng.randrange(6):
            case 0:
                return REFUSED, 0.01
            case 1:
                return TIMEOUT, 3.0  # before the effect
            case 2:
                self._execute(key, now)
                return TIMEOUT, 3.0  # after it
            case 3:
                return Failed(ErrorClass.RATE_LIMITED, Effect.NONE, "http_429", retry_after=1.0), 0.02
            case 4:
                return self._broken(key, now), 0.2
            case _:
                return Failed(ErrorClass.CLIENT, Effect.NONE, "http_401", connection=True), 0.02

    def look_up(self, key: str, now: float) -> tuple[Finding, float]:
        """One read by our key; it may fail, and shows an effect only after the lag."""
        self.arrivals.append(now)
        if now < self.down_until or self.rng.random() < self.trouble / 2:
            return Unclear("503"), 0.2
        seen = any(at + self.lag <= now for at in self.effects.get(key, ()))
        return (Present(Succeeded(key)) if seen else Absent()), 0.05

    def _execute(self, key: str, now: float) -> Outcome:
        if self.means is Means.KEY and key in self.answers and now - self.answers[key][0] < self.kept_for:
            return self.answers[key][1]
        if self.means is Means.UNIQUE and key in self.effects:
            return Succeeded(key)  # it exists, and it is ours
        if crc32(key.encode()) % 17 == 0:  # not hash(): a seed must replay in another process
            declined = Declined("card_declined", behind_key=self.means is Means.KEY)
            self.answers[key] = (now, declined)
            return declined
        self.effects.setdefault(key, []).append(now)
        self.answers[key] = (now, Succeeded(key))
        return self.answers[key][1]

    def _broken(self, key: str, now: float) -> Outcome:
        """A 500, before or after the effect; where there are keys it is frozen."""
        frozen = self.means is Means.KEY
        if self.rng.random() < 0.5:
            self._execute(key, now)
        answer = Failed(ErrorClass.AMBIGUOUS, Effect.UNKNOWN, "http_500", down=True, frozen=frozen)
        if frozen:
            self.answers[key] = (now, answer)
        return answer
