"""A provider that lies, in simulated time: what it does is remembered here, whatever it says."""

from collections import Counter
from dataclasses import dataclass, field
from random import Random
from zlib import crc32

from simulation.book import Row

from operations.means import Means
from operations.outcome import (
    Absent,
    Accepted,
    Declined,
    Effect,
    ErrorClass,
    Failed,
    Finding,
    Open,
    Outcome,
    Present,
    Succeeded,
    Unclear,
)

TIMEOUT = Failed(ErrorClass.AMBIGUOUS, Effect.UNKNOWN, "read_timeout", down=True)
REFUSED = Failed(ErrorClass.TRANSIENT, Effect.NONE, "connect_refused", down=True)
LIMITED = Failed(ErrorClass.RATE_LIMITED, Effect.NONE, "http_429", retry_after=1.0)
LOCKED_OUT = Failed(ErrorClass.CLIENT, Effect.NONE, "http_401", connection=True)
WRONG = Failed(ErrorClass.CLIENT, Effect.NONE, "http_422")
DOWN = [(REFUSED, 0.01), (TIMEOUT, 3.0)] * 3 + [(LIMITED, 0.02)]  # what still stands in front of it may answer
BUSY = Failed(ErrorClass.AMBIGUOUS, Effect.UNKNOWN, "http_409")  # the first one under this key is still at work


@dataclass(slots=True)
class Thing:
    """What became of one key: since when it is there, and how it ends at a later time."""

    since: float
    at: float
    outcome: Outcome
    left_open: bool = False


@dataclass
class Provider:
    """Honours its means, and answers badly.

    Attributes:
        kept_for: seconds for which it really remembers a key.
        lag: seconds until an effect shows in a look-up.
        late: seconds that an effect may come after its client has gone; with the lag, less than the settle time.
        trouble: the share of calls that end badly.
    """

    kept_for: float
    lag: float = 2.0
    late: float = 1.0
    trouble: float = 0.0
    down_until: float = -1.0
    outages: list[tuple[float, float]] = field(default_factory=list)
    effects: dict[str, list[float]] = field(default_factory=dict)
    things: dict[str, Thing] = field(default_factory=dict)
    refs: dict[str, str] = field(default_factory=dict)  # what the last request under a key said that it is about
    answers: dict[str, tuple[float, float, Outcome]] = field(default_factory=dict)
    arrivals: list[float] = field(default_factory=list)
    spans: list[tuple[float, float]] = field(default_factory=list)
    bodies: dict[str, str] = field(default_factory=dict)
    changed: list[str] = field(default_factory=list)
    doubts: Counter[str] = field(default_factory=Counter)
    resent_after_doubt: list[str] = field(default_factory=list)
    sends: Counter[str] = field(default_factory=Counter)
    refused: set[str] = field(default_factory=set)  # credentials that it takes no more
    strangers: list[str] = field(default_factory=list)  # what was asked for with another tenant's credentials

    def send(self, row: Row, now: float, credential: str) -> tuple[Outcome, float]:
        """One write: the outcome as our side will hear it, and the seconds that it takes."""
        key, means = row.key, row.kind.means
        if means is Means.NOTHING and self.doubts[row.ref]:
            self.resent_after_doubt.append(row.ref)
        if self.bodies.setdefault(key, row.body) != row.body:
            self.changed.append(row.ref)
        self.sends[row.ref] += 1
        self.refs[key] = row.ref
        self.arrivals.append(now)
        heard, took = self._door(row, credential) or self._answer(key, means, row.rng, now)
        self.doubts[row.ref] += 1  # until whoever sent it has heard that nothing came of it
        return heard, took

    def _door(self, row: Row, credential: str) -> tuple[Failed, float] | None:
        if credential.partition("/")[0] != row.tenant:
            self.strangers.append(row.ref)
        return (LOCKED_OUT, 0.02) if credential in self.refused else None

    def heard(self, row: Row, outcome: Outcome) -> None:
        """Whoever sent it heard the answer, and it leaves no doubt."""
        if not isinstance(outcome, Failed) or outcome.effect is not Effect.UNKNOWN:
            self.doubts[row.ref] -= 1

    def _answer(self, key: str, means: Means, rng: Random, now: float) -> tuple[Outcome, float]:
        if now < self.down_until:
            return rng.choice(DOWN)
        if rng.random() >= self.trouble:
            return self._execute(key, means, now), rng.uniform(0.01, 0.3)
        match rng.randrange(8):
            case 0:
                return REFUSED, 0.01
            case 1:
                return TIMEOUT, 3.0  # before the effect
            case 2:
                self._execute(key, means, now)
                return TIMEOUT, 3.0  # after it
            case 3:
                return LIMITED, 0.02
            case 4:
                return self._broken(key, means, rng, now), 0.2
            case 5:
                self._execute(key, means, now + 3.0 + rng.uniform(0.0, self.late))
                return TIMEOUT, 3.0  # it happens after the client has gone
            case 6:
                return (WRONG, 0.02) if crc32(key.encode()) % 5 == 0 else (REFUSED, 0.02)
            case _:
                return REFUSED, 0.02

    def _execute(self, key: str, means: Means, now: float) -> Outcome:
        if means is Means.KEY and key in self.answers and now - self.answers[key][0] < self.kept_for:
            _, ready, outcome = self.answers[key]
            return outcome if ready <= now else BUSY
        if means is Means.UNIQUE and key in self.things:
            return self.things[key].outcome if self.things[key].at <= now else BUSY  # it exists, and it is ours
        outcome = self._done(key, means, now)
        if means is Means.KEY:
            self.answers[key] = (now, now, outcome)
        return outcome

    def _done(self, key: str, means: Means, now: float) -> Outcome:
        nature = crc32(key.encode())  # not hash(): a seed must replay in another process
        if nature % 17 == 0:
            return Declined("card_declined", behind_key=means is Means.KEY)
        if nature % 13 == 0 and means.asks:
            ends = now + 1 + nature % 20
            if nature % 2:
                self.things[key] = Thing(now, ends, Declined("refused_later"))
            else:
                self._take_effect(key, ends, since=now)
            return Accepted(key)
        if nature % 11 == 0 and means is Means.KEY:
            self.things[key] = Thing(now, now + 5 + nature % 20, Succeeded(key), left_open=True)  # if nobody closes it
            return Open("requires_action", key)
        self._take_effect(key, now)
        return Succeeded(key)

    def _take_effect(self, key: str, at: float, since: float | None = None) -> None:
        self.effects.setdefault(self.refs[key], []).append(at)
        self.things[key] = Thing(at if since is None else since, at, Succeeded(key))

    def _broken(self, key: str, means: Means, rng: Random, now: float) -> Outcome:
        """A 500, before or after the effect; where there are keys it is frozen."""
        frozen = means is Means.KEY
        if rng.random() < 0.5:
            self._execute(key, means, now)
        answer = Failed(ErrorClass.AMBIGUOUS, Effect.UNKNOWN, "http_500", down=True, frozen=frozen)
        if frozen:
            self.answers[key] = (now, now, answer)
        return answer

    def look_up(self, row: Row, now: float, credential: str) -> tuple[Finding, float]:
        """One read by our key; it may fail, and shows an effect only after the lag. What is open is closed by it."""
        key, rng = row.key, row.rng
        self.arrivals.append(now)
        if self._door(row, credential):
            return Unclear("http_401"), 0.02
        if now < self.down_until or rng.random() < self.trouble / 2:
            return Unclear("http_503", retry_after=rng.choice([None, 2.0])), 0.2
        thing = self.things.get(key)
        if thing is None or thing.since + self.lag > now:
            return Absent(), 0.05
        if thing.left_open:
            return self._close(key, thing, now), 0.2
        return Present(thing.outcome if thing.at <= now else Accepted(key)), 0.05  # type: ignore[arg-type]

    def _close(self, key: str, thing: Thing, now: float) -> Finding:
        thing.left_open = False
        if thing.at <= now:
            self._take_effect(key, thing.at)
            return Present(Succeeded(key))
        thing.outcome, thing.at = Declined("requires_action"), now
        return Present(Declined("requires_action"))

    def close_of_business(self, now: float) -> None:
        """What was left open and never closed takes effect: somebody answered the question after all."""
        for key, thing in self.things.items():
            if thing.left_open and thing.at <= now:
                thing.left_open = False
                self._take_effect(key, thing.at)
