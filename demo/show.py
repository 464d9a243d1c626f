"""One run of the demo, from its first process to its last."""

import contextlib
import random
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from shlex import quote
from typing import Any

import requests
from rich.console import Console

from config.settings import Settings
from demo import chaos, keyboard
from demo.asked import AskedLog, read
from demo.home import DemoError, Home
from demo.intents import wanted
from demo.journal import Journal
from demo.quick import described
from demo.rows import of_others, rows
from demo.screen import Scene, Screen
from demo.snapshot import Watch
from demo.stream import Stream
from demo.supervise import Supervisor
from demo.verdict import Verdict, judge, without
from tasks import platform as platforms

_TICK = 0.2  # seconds
_COMMAND = Path(sys.executable).parent / "lockgate"
_LAST_CALL = 30.0  # seconds for what is being asked when the asking ends; longer than the ledger's own time limits
_KEYS = {"k": "kill", "f": "flush", "b": "break", "p": "postgres", "z": "freeze", "t": "thaw"}
#: Faults that an attempt may meet by plan: all that leave the provider's own promises standing. Not F19 (a credential that
#: is refused pauses its work until it is changed) and not F25 (the provider forgets a key that it promised to keep).
FAULTS = (
    "F02", "F03", "F04", "F05", "F06", "F07", "F08", "F09", "F10", "F11", "F13", "F14", "F15", "F16", "F17", "F18", "F20",
    "F21", "F22", "F23",
)  # fmt: skip
#: Look-ups lag behind, by less than the settle time that the files declare, or fail: no plan could promise that.
LOOK_UPS = ({"form": "lag", "params": {"seconds": 2.0}, "probability": 0.3}, {"form": "fail", "probability": 0.2})
_PARAMS = {"F11": {"retry_after": "1"}, "F16": {"bytes": 3_000_000}, "F23": {"seconds": 0.5, "patience": 4}}


@dataclass(frozen=True)
class Course:
    """How a run goes.

    Attributes:
        seed: of the operations, of the faults and of the chaos.
        pace: operations asked for per second.
        share: of the attempts that meet a fault.
        fresh: whether it begins with nothing of earlier runs.
        seconds: how long it lasts; None until somebody ends it.
        enough: accepted operations after which it asks for no more; None while it lasts.
        plan: what is broken when: seconds after the beginning, and a name of `chaos.ACTIONS`.
        patience: seconds that everything has to end in, once asking and chaos have ended.
    """

    seed: int
    pace: float
    share: float
    fresh: bool
    seconds: float | None = None
    enough: int | None = None
    plan: Sequence[tuple[float, str]] = ()
    patience: float = 0.0


@dataclass(frozen=True)
class Ending:
    """What a run came to."""

    interrupted: bool
    verdict: Verdict
    hit: int
    kills: int
    flushes: int
    restarts: int
    own_postgres: bool
    crashes: list[str]


class Show:
    """A run.

    Args:
        home: the demo's folder.
        course: how it goes.
        console: where it is shown.
    """

    def __init__(self, home: Home, course: Course, console: Console) -> None:
        self._home = home
        self._course = course
        self._console = console
        self._screen = Screen(console, keys=False)
        self._supervisor = Supervisor(home, self._say, fresh=course.fresh, wide=course.fresh)
        self._rng = random.Random(course.seed)  # noqa: S311  it must replay
        self._left = list(course.plan)
        self._flushes = 0
        self._noted = 0
        self._began = 0.0
        self._interrupted = False

    def play(self) -> Ending:
        """All of it; whatever happens, nothing is left behind.

        Raises:
            DemoError: something did not come up.
            KeyboardInterrupt: it was ended before there was anything to judge.
        """
        self._home.enter()
        with _ended_by_signals() as later:
            try:
                self._supervisor.up()
                platforms.use(Settings.from_environment(self._supervisor.environment))
                return self._perform()
            finally:
                later(self._supervisor.hurry)
                self._say("ending: workers finish the calls that are under way …")
                self._supervisor.down()
                platforms.use(None)

    def _perform(self) -> Ending:
        run = f"r{time.time_ns() // 10**6:x}"
        self._control("/config", processing_delay=2.0, search_lag=0.5)
        self._control("/plan", seed=self._course.seed, share=self._course.share, faults=FAULTS, params=_PARAMS)
        for order in LOOK_UPS:
            self._control("/faults", fault="F24", **order)
        self._offer_commands()
        for said in described(self._home.path("providers")):
            self._say(f"shortened for the demo: {said}")
        self._say(
            f"seed {self._course.seed}, {self._course.pace:g} operations a second, {self._course.share:.0%} of first and "
            f"second attempts meet a fault; what was asked for is written to {self._home.path('asked.jsonl')}"
        )
        log = AskedLog(self._home.path("asked.jsonl"))
        journal = Journal(self._supervisor.journal, from_end=True)
        watch = Watch(platforms.platform(), journal)
        stream = Stream(wanted(run, self._course.seed), log, pace=self._course.pace)
        self._began = time.monotonic()
        watch.start()
        stream.start()
        try:
            self._watch_it(stream, watch, log)
        finally:
            stream.end()
            stream.join(timeout=_LAST_CALL)
            watch.end()
        return self._ending(log, journal)

    def _watch_it(self, stream: Stream, watch: Watch, log: AskedLog) -> None:
        with keyboard.listening() as keys:
            self._screen = Screen(self._console, keys=keys)
            self._screen.begin()
            try:
                self._turn(stream, watch, log, keys=keys, until=self._over)
                stream.end()
                if self._course.seconds is not None:
                    self._let_it_end(stream, watch, log, keys=keys)
            except KeyboardInterrupt:
                self._interrupted = True
            finally:
                self._screen.end()

    def _let_it_end(self, stream: Stream, watch: Watch, log: AskedLog, *, keys: bool) -> None:
        requests.delete(self._supervisor.urls["control"] + "/outage", timeout=10).raise_for_status()
        self._say(
            "chaos is over, and only the planned faults still meet first and second attempts; waiting for the end …"
        )
        until = time.monotonic() + self._course.patience
        quiet: list[float] = []

        def over() -> bool:
            """Nothing waits, and a moment later still nothing: a late effect would have shown itself."""
            if stream.is_alive() or watch.latest.away or watch.latest.open:
                quiet.clear()
            else:
                quiet.append(time.monotonic())
            return time.monotonic() > until or bool(quiet and quiet[-1] - quiet[0] > 4.0)  # noqa: PLR2004

        self._turn(stream, watch, log, keys=keys, until=over)

    def _turn(self, stream: Stream, watch: Watch, log: AskedLog, *, keys: bool, until: Callable[[], bool]) -> None:
        while not until():
            self._supervisor.mend()
            self._hear_others()
            while self._left and self._left[0][0] <= self._elapsed:
                self._break(self._left.pop(0)[1])
            if self._course.enough is not None and log.counts["accepted"] >= self._course.enough:
                stream.end()
            if stream.trouble is not None:
                raise DemoError(f"the caller met what it should not: {stream.trouble!r}")
            self._screen.show(watch.latest, self._scene(log))
            pressed = keyboard.key(_TICK, listening=keys)
            if pressed == "q":
                raise KeyboardInterrupt
            if pressed in _KEYS:
                self._break(_KEYS[pressed])

    def _offer_commands(self) -> None:
        own = {name: value for name, value in self._supervisor.environment.items() if name.startswith("LOCKGATE_")}
        environment, command = quote(str(self._home.offer(own))), quote(str(_COMMAND))
        self._say(f"operators' commands, in another terminal: . {environment}; {command} deadletter groups")

    def _hear_others(self) -> None:
        """What `make chaos` did from another terminal is shown and counted like our own."""
        for what, sentence in self._home.noted(self._noted):
            self._noted += 1
            self._flushes += what == "flush"
            self._say(sentence)

    def _break(self, what: str) -> None:
        self._say(chaos.ACTIONS[what](chaos.target(self._home), self._rng))
        self._flushes += what == "flush"

    def _over(self) -> bool:
        return self._course.seconds is not None and self._elapsed >= self._course.seconds

    @property
    def _elapsed(self) -> float:
        return time.monotonic() - self._began

    def _scene(self, log: AskedLog) -> Scene:
        return Scene(
            accepted=log.counts["accepted"], maybe=log.counts["maybe"], workers=len(self._supervisor.workers()),
            kills=self._supervisor.kills, flushes=self._flushes, restarts=self._supervisor.stores.restarts,
            seconds=self._elapsed,
        )  # fmt: skip

    def _ending(self, log: AskedLog, journal: Journal) -> Ending:
        ledger, alone, elsewhere = platforms.platform().ledger, self._supervisor.alone, self._supervisor.not_ours
        asked, found = without(elsewhere, read(log.path), rows(ledger, read(log.path), everything=alone))
        if elsewhere:
            self._say(f"not judged, for it is no sandbox of ours that keeps a journal: {', '.join(sorted(elsewhere))}")
        others = frozenset[str]() if alone else of_others(ledger, found)
        journal.read()
        effects = [effect for effect in journal.effects() if effect.business not in others]
        verdict = judge(asked, found, effects, ended=self._over() and not self._interrupted)
        return Ending(
            interrupted=self._interrupted,
            verdict=verdict,
            hit=sum(1 for key in verdict.keys if journal.hits.get(key)),
            kills=self._supervisor.kills,
            flushes=self._flushes,
            restarts=self._supervisor.stores.restarts,
            own_postgres=self._supervisor.stores.own_postgres,
            crashes=self._supervisor.crashes,
        )

    def _control(self, path: str, **order: Any) -> None:
        answer = requests.post(self._supervisor.urls["control"] + path, json=order, timeout=10)
        if not answer.ok:
            raise DemoError(f"the sandbox did not take {path}: {answer.text}")

    def _say(self, line: str) -> None:
        self._screen.say(line)


@contextlib.contextmanager
def _ended_by_signals() -> Iterator[Callable[[Callable[[], None]], None]]:
    """SIGINT, SIGTERM and SIGHUP end the run by KeyboardInterrupt; what is given to `later` is called at the next one."""
    numbers = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
    before = {number: signal.getsignal(number) for number in numbers}

    def interrupt(_number: int, _frame: Any) -> None:
        raise KeyboardInterrupt

    def later(action: Callable[[], None]) -> None:
        for number in numbers:
            signal.signal(number, lambda _number, _frame: action())

    for number in numbers:
        signal.signal(number, interrupt)
    try:
        yield later
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
