"""One run from its first process to its verdict."""

import json
import time
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from types import ModuleType
from typing import Any

from soak import faults, nemesis, ratios
from soak.checker import history, terms
from soak.checker.check import Verdict, judge
from soak.checker.history import History
from soak.checker.ledger import ENDS
from soak.deaths import fewest
from soak.errors import SoakError
from soak.stage import Crash, Stage

SAMPLES = "samples.jsonl"
_TICK = 0.1  # seconds
_QUIET = 3.0  # seconds for which nothing more may be open, so that an effect that comes late shows itself
_HELD_BACK = 10  # times as long may a client take that holds back, and is attacked until it is through
_GRACE = 140.0  # seconds beyond the longest deadline in which the last doubts must be settled


@dataclass(frozen=True)
class Course:
    """How a run goes.

    Attributes:
        count: operations that the client asks for.
        pace: per second.
        share: of the first and second sends that meet a fault.
        pause: seconds between the beginnings of two attacks, at least and at most.
        only: attacks, where not all are wanted.
        patience: seconds in which all must end after the mending; None for the longest deadline and a grace.
        without: faults that are not played.
        shares: of each provider, the part of the operations that is asked of it; empty where nobody says.
        hits: the client is ended once each crash point of the subject was hit so often; 0 for no such end.
        room: operations that may be open, or the client waits; 0 for any number.
    """

    count: int
    pace: float
    share: float
    pause: tuple[float, float]
    only: tuple[str, ...] = ()
    patience: float | None = None
    without: tuple[str, ...] = ()
    shares: Mapping[str, float] = field(default_factory=dict)
    hits: int = 0
    room: int = 0

    @property
    def seconds(self) -> float:
        """How long the client asks, if nothing holds it up."""
        return self.count / self.pace


@dataclass
class Progress:
    """Where a run is, for whoever watches."""

    phase: str
    states: Counter[str]
    elapsed: float
    total: float


@dataclass
class Outcome:
    """What a run came to."""

    history: History
    verdict: Verdict
    attacks: list[dict[str, Any]]
    samples: list[dict[str, Any]]
    crashes: list[Crash]
    moments: dict[str, float]
    course: Course


@dataclass
class Run:
    """A run.

    Attributes:
        watch: told where it is, ten times a second.
        say: prints a line.
    """

    stage: Stage
    subject: ModuleType
    course: Course
    command: str
    say: Callable[[str], None]
    watch: Callable[[Progress], None]
    _samples: list[dict[str, Any]] = field(default_factory=list)
    _moments: dict[str, float] = field(default_factory=dict)
    _sampled: float = 0.0
    _states: Counter[str] = field(default_factory=Counter)

    def play(self) -> Outcome:
        """All of it; whatever happens, nothing is left running.

        Raises:
            SoakError: something did not come up, or the durations do not fit each other.
        """
        try:
            self.stage.up(self.command, self.say, self._fits)
            agreed, course = terms.read(self.folder), self.course
            played = [one for one in getattr(self.subject, "FAULTS", faults.PLANNED) if one not in course.without]
            faults.begin(self.stage, seed=agreed.seed, share=course.share, played=played)
            attacks = self._attack(agreed.seed)
            self._let_it_end(agreed)
            self.subject.dump(self.stage.place)
        finally:
            self.stage.down()
        found = history.read(self.folder)
        (self.folder / SAMPLES).write_text("".join(json.dumps(sample) + "\n" for sample in self._samples))
        return Outcome(found, judge(found), attacks, self._samples, self.stage.crashes, self._moments, self.course)

    @property
    def folder(self) -> Path:
        """Where it leaves everything."""
        return self.stage.place.folder

    def _fits(self, agreed: terms.Terms) -> None:
        if wrong := ratios.check(agreed):
            raise SoakError(f"the durations do not fit each other: {'; '.join(wrong)}")
        course = self.course
        if wrong := ratios.room(agreed, course.pace, course.shares, len(self.stage.place.tenants)):
            raise SoakError("; ".join(wrong))

    def _attack(self, seed: int) -> list[dict[str, Any]]:
        """The client asks, and everything is broken meanwhile."""
        look = self.subject.states(self.stage.place.database_url)
        course = self.course
        lasting = course.seconds * (_HELD_BACK if course.room else 1)
        planned = nemesis.plan(seed, lasting, pause=course.pause, only=course.only)
        foe = nemesis.Nemesis(self.stage, seed, planned, self.folder / nemesis.FILE)
        self.stage.start_client(pace=course.pace, count=course.count, room=course.room)
        began = time.monotonic()
        self._moments["began"] = time.time()
        told = 0
        try:
            while self.stage.asking or (foe.left and not course.room):
                foe.tick(time.monotonic() - began)
                self.stage.mend()
                self._sample(look)
                if course.hits and fewest(self.subject.POINTS, self.folder) >= course.hits:
                    self.stage.end_client()
                for entry in foe.done[told:]:
                    if "began" not in entry:
                        self.say(f"{entry['id']}: {entry['said']}")
                told = len(foe.done)
                self.watch(Progress("attacked", self._states, time.monotonic() - began, course.seconds))
                time.sleep(_TICK)
        finally:
            foe.end()
        return foe.done

    def _let_it_end(self, agreed: terms.Terms) -> None:
        """Liveness: servers and providers are well again, one worker stays dead for good, and all must end."""
        self._moments["healed"] = time.time()
        self.stage.end_operators()
        self.stage.lift("/outage")
        self.stage.disarm()
        self.stage.kill_for_good("worker-1")
        self.say("the attacks are over; worker-1 stays dead for good, and everything must end")
        patience = self.course.patience
        if patience is None:
            patience = max(agreed.patience.values(), default=0.0) + _GRACE
        look = self.subject.states(self.stage.place.database_url)
        began, quiet = time.monotonic(), 0.0
        while (elapsed := time.monotonic() - began) < patience:
            self.stage.mend()
            if not self._sample(look) or self._open():
                quiet = elapsed
            elif elapsed - quiet > _QUIET:
                break
            self.watch(Progress("ending", self._states, elapsed, patience))
            time.sleep(_TICK)
        self._moments["ended"] = time.time()

    def _open(self) -> int:
        return sum(count for state, count in self._states.items() if state not in ENDS)

    def _sample(self, look: Callable[[], Counter[str] | None]) -> bool:
        """Once a second; whether the ledger answered the last time."""
        if time.monotonic() - self._sampled < 1.0:
            return bool(self._samples) and not self._samples[-1].get("away", False)
        self._sampled = time.monotonic()
        states = look()
        if states is None:
            self._samples.append({"at": time.time(), "away": True})
            return False
        self._states = states
        self._samples.append({"at": time.time(), "states": dict(states)})
        return True
