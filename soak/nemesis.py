"""Who attacks what, and when: drawn from the seed before the run, carried out as it goes, written down as evidence."""

import json
import random
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import redis

from soak.attacks.deck import ATTACKS, Attack
from soak.attacks.field import Field, Steps
from soak.stage import Stage

FILE = "attacks.jsonl"
_FIRST = 4.0  # seconds of peace at the beginning


@dataclass(frozen=True, slots=True)
class Planned:
    """One attack to come."""

    at: float
    attack: Attack
    number: int


def plan(seed: int, seconds: float, *, pause: tuple[float, float], only: Sequence[str] = ()) -> list[Planned]:
    """Draw the attacks: a shuffled deck of all, again and again, so that each is made before any comes a second time.

    Args:
        seed: of the draw.
        seconds: how long attacks are begun.
        pause: between the beginnings of two, at least and at most.
        only: ids or names, where not all are wanted.
    """
    rng = random.Random(f"{seed}/attacks")
    chosen = [attack for attack in ATTACKS if not only or attack.id in only or attack.name in only]
    found: list[Planned] = []
    deck: list[Attack] = []
    at = _FIRST
    while chosen and at < seconds:
        if not deck:
            deck = rng.sample(chosen, len(chosen))
        found.append(Planned(at, deck.pop(), len(found)))
        at += rng.uniform(*pause)
    return found


@dataclass
class _Running:
    steps: Steps
    attack: Attack
    number: int
    due: float
    began: float


@dataclass
class Nemesis:
    """Carries a plan out.

    Attributes:
        stage: what it breaks.
        seed: of each attack's own choices.
        done: the log, as it stands in the file.
    """

    stage: Stage
    seed: int
    left: list[Planned]
    path: Path
    done: list[dict[str, Any]] = field(default_factory=list)
    _running: list[_Running] = field(default_factory=list)
    _waiting: list[Planned] = field(default_factory=list)

    def tick(self, elapsed: float) -> None:
        """Go on with what is under way, and begin what is due.

        Args:
            elapsed: seconds since the client began.
        """
        while self.left and self.left[0].at <= elapsed:
            self._waiting.append(self.left.pop(0))
        for one in [one for one in self._running if one.due <= time.monotonic()]:
            self._go_on(one)
        busy = {one.attack.what for one in self._running}
        for planned in list(self._waiting):
            if planned.attack.what not in busy:
                self._waiting.remove(planned)
                busy.add(planned.attack.what)
                self._begin(planned)

    def end(self) -> None:
        """Begin nothing more, and mend what is broken."""
        self.left.clear()
        self._waiting.clear()
        while self._running:
            for one in list(self._running):
                if one.due <= time.monotonic():
                    self._go_on(one)
            time.sleep(0.05)

    def _begin(self, planned: Planned) -> None:
        pids: list[int] = []
        rng = random.Random(f"{self.seed}/attack/{planned.number}")

        def say(sentence: str) -> None:
            self._note(planned.attack, planned.number, sentence, pids)

        steps = planned.attack.make(Field(self.stage, rng, say, pids))
        running = _Running(steps, planned.attack, planned.number, 0.0, time.time())
        self._running.append(running)
        self._go_on(running)

    def _go_on(self, one: _Running) -> None:
        """One step; a server that another attack has just taken away is no mistake of ours, and is written down."""
        try:
            one.due = time.monotonic() + next(one.steps)
        except StopIteration:
            self._running.remove(one)
            self._note(one.attack, one.number, "over", [], began=one.began)
        except (psycopg.Error, redis.RedisError) as error:
            self._running.remove(one)
            with suppress(psycopg.Error, redis.RedisError):
                one.steps.close()
            self._note(one.attack, one.number, f"could not go on: {type(error).__name__}", [], began=one.began)

    def _note(self, attack: Attack, number: int, sentence: str, pids: list[int], *, began: float | None = None) -> None:
        entry: dict[str, Any] = {
            "at": time.time(),
            "id": attack.id,
            "name": attack.name,
            "number": number,
            "said": sentence,
        }
        if began is not None:
            entry["began"] = began
        if pids:
            entry["pids"] = list(pids)
        self.done.append(entry)
        with self.path.open("a") as log:
            log.write(json.dumps(entry) + "\n")
