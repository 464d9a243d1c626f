"""Everything that a run needs, started, watched over, and ended: servers, sandbox, workers, client."""

import json
import os
import signal
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from types import ModuleType
from typing import Any

import requests

from soak.checker import asked, journal
from soak.checker.terms import Terms
from soak.child import Child
from soak.errors import SoakError
from soak.place import Place
from soak.servers import Servers

_READY = 90.0  # seconds that a process may take to come up on a busy machine
_WARM = 8.0  # seconds that workers get to finish their calls; more than a call's total deadline
#: Two with threads, one with forked children.
WORKERS = {"worker-1": ("threads", 12), "worker-2": ("threads", 12), "worker-3": ("prefork", 4)}


#: N15: whose wall clock is wrong, and in which direction.
CLOCKS = {"worker-2": 1.0, "worker-3": -1.0}


@dataclass
class Crash:
    """A process that ended though nobody killed it."""

    name: str
    code: int
    words: str


class Stage:
    """Owner of every process of the run. Use it from one thread, the one that lives as long as the run.

    Args:
        place: what the run is told; completed here.
        subject: the module under test.
        subject_name: by which the client loads it.
        more: environment of the workers alone.
        wrong_clocks: seconds by which the wall clocks of some workers jump.
    """

    def __init__(
        self,
        place: Place,
        subject: ModuleType,
        subject_name: str,
        *,
        more: Mapping[str, str],
        wrong_clocks: float = 0.0,
    ) -> None:
        self.place = place
        self.servers = Servers()
        self.workers: dict[str, Child] = {}
        self.crashes: list[Crash] = []
        self._subject = subject
        self._subject_name = subject_name
        self._more = dict(more)
        self._wrong_clocks = wrong_clocks
        self._helpers: dict[str, list[str]] = {}
        self._back: dict[str, float] = {}
        self._fleet: Mapping[str, tuple[str, int]] = WORKERS
        self._dead: set[str] = set()
        self._armed = True
        self._environment: dict[str, str] = {}
        self._sandbox: Child | None = None
        self._client: Child | None = None
        self._operators: Child | None = None

    def up(self, command: str, say: Callable[[str], None], fits: Callable[[Terms], None]) -> None:
        """Start everything but the client, a line for each thing that is up.

        Args:
            command: what runs it again.
            say: takes the lines.
            fits: looks at the terms before a worker is started, and raises where nothing would be proven.

        Raises:
            SoakError: something did not come up.
        """
        self.servers.up()
        self.place.database_url, self.place.redis_url = self.servers.postgres.url, self.servers.valkey.url
        say("PostgreSQL and Valkey … up")
        self._start_sandbox()
        say("sandbox providers … up")
        own = self._subject.prepare(self.place, say)
        self._environment = self.place.environment() | own
        agreed: Terms = self._subject.terms(self.place, command)
        agreed.write(self.place.folder)
        fits(agreed)
        self._fleet = getattr(self._subject, "WORKERS", WORKERS)
        for name in self._fleet:
            self.start_worker(name)
        until = time.monotonic() + _READY
        for child in self.workers.values():
            while not child.said("ready."):
                _must_come_up(child, until)
        say(f"workers … up: {', '.join(f'{name} ({pool}, {slots})' for name, (pool, slots) in self._fleet.items())}")

    def start_client(self, *, pace: float, count: int, room: int = 0) -> None:
        """Let the client ask; with room it holds back while so many are open."""
        argv = [
            sys.executable, "-m", "soak.client", "--subject", self._subject_name, "--pace", str(pace),
            "--count", str(count), "--room", str(room),
        ]  # fmt: skip
        self.place.folder.joinpath(asked.FILE).touch()
        environment = self._environment | self._arms("client")
        self._client = Child("client", argv, environment=environment, log=self._log("client"))
        people = getattr(self._subject, "operators", None)
        if people is not None:
            log = self._log("operators")
            self._operators = Child("operators", people(), environment=self._environment, log=log)
        self._helpers = getattr(self._subject, "HELPERS", {})
        for name in self._helpers:
            self.start_worker(name)

    @property
    def environment(self) -> Mapping[str, str]:
        """Of whoever works with the subject."""
        return self._environment

    @property
    def has_operators(self) -> bool:
        """Whether people decide about dead letters meanwhile."""
        return hasattr(self._subject, "operators")

    @property
    def asking(self) -> bool:
        """Whether the client still asks.

        Raises:
            SoakError: it met what it should not.
        """
        if self._client is None:
            return False
        if self._operators is not None and self._operators.ended is not None:
            raise SoakError(f"the operators ended, see {self._operators.log}: {self._operators.last_words()}")
        ended = self._client.ended
        if ended:
            raise SoakError(f"the client ended with {ended}, see {self._client.log}: {self._client.last_words()}")
        return ended is None

    def end_client(self) -> None:
        """Let it finish what it asks, and no more."""
        if self._client is not None:
            self._client.ask_to_end()
            self._client.end(60.0)

    def end_operators(self) -> None:
        """Nobody decides about anything any more; what they began goes on."""
        people, self._operators = self._operators, None
        if people is not None:
            people.ask_to_end()
            people.end(60.0)

    def start_worker(self, name: str) -> None:
        """Start one worker, or start it again."""
        argv = self._helpers.get(name)
        if argv is None:
            pool, slots = self._fleet[name]
            argv = self._subject.worker(name, pool=pool, slots=slots)
        environment = self._environment | self._more | self._clock(name) | self._arms(name)
        self.workers[name] = Child(name, argv, environment=environment, log=self._log(name))
        self._back.pop(name, None)

    def expect_back(self, name: str, after: float) -> None:
        """A worker was killed, or asked to end: start it again after so many seconds."""
        self._back[name] = time.monotonic() + after

    def kill_for_good(self, name: str) -> None:
        """A worker that never comes back."""
        self._dead.add(name)
        self.workers[name].signal(signal.SIGKILL)

    def disarm(self) -> None:
        """Whoever may be told to die is killed: helpers for good, workers to come back and live."""
        if not self._armed or not hasattr(self._subject, "arms"):
            return
        self._armed = False
        for name, child in self.workers.items():
            if name in self._helpers:
                self._dead.add(name)
            else:
                self.expect_back(name, 0.0)
            child.signal(signal.SIGKILL)

    def alive(self) -> list[Child]:
        """The workers that run now."""
        return [child for child in self.workers.values() if child.ended is None]

    def mend(self) -> None:
        """Start again what has ended and is to come back; what ended by itself is remembered."""
        now = time.monotonic()
        for name, child in list(self.workers.items()):
            if child.ended is None or name in self._dead:
                continue
            if name not in self._back:
                meant = child.ended == getattr(self._subject, "DIES", None)
                if not meant:
                    self.crashes.append(Crash(name, child.ended, child.last_words()))
                self._back[name] = now if meant else now + 1.0
            if self._back[name] <= now:
                self.start_worker(name)

    def tenant_digest(self, provider: str, tenant: str) -> str:
        """How the sandbox calls a tenant's credential."""
        return sha256(self.place.token(provider, tenant).encode()).hexdigest()[:12]

    def control(self, path: str, **order: Any) -> Any:
        """Give the sandbox an order; its answer."""
        answer = requests.post(f"{self.place.urls['control']}{path}", json=order, timeout=10)
        answer.raise_for_status()
        return answer.json()

    def lift(self, path: str) -> None:
        """Take the sandbox's orders of one sort back."""
        requests.delete(f"{self.place.urls['control']}{path}", timeout=10).raise_for_status()

    def down(self) -> None:
        """End everything: client and workers first, then who serves them."""
        children = [*self.workers.values(), *filter(None, [self._client, self._operators])]
        for child in children:
            child.ask_to_end()
        until = time.monotonic() + _WARM
        for child in children:
            child.end(max(0.1, until - time.monotonic()))
        if self._sandbox is not None:
            self._sandbox.ask_to_end()
            self._sandbox.end(_WARM)
        self.servers.down()

    def _arms(self, name: str) -> dict[str, str]:
        """What makes a process of the subject's die, in a subject that knows such things."""
        arms = getattr(self._subject, "arms", None)
        found: dict[str, str] = arms(self.place, name) if arms is not None and self._armed else {}
        return found

    def _clock(self, name: str) -> dict[str, str]:
        """What makes a worker's wall clock jump."""
        if not self._wrong_clocks or name not in CLOCKS:
            return {}
        path = [str(Path(__file__).parent / "clock"), *filter(None, [self._environment.get("PYTHONPATH")])]
        return {"PYTHONPATH": os.pathsep.join(path), "SOAK_CLOCK": str(CLOCKS[name] * self._wrong_clocks)}

    def _start_sandbox(self) -> None:
        argv = [
            sys.executable, "-m", "sandbox", "--journal", str(self.place.folder / journal.FILE),
            "--seed", str(self.place.seed), *(f"--standin={one}" for one in self.place.standins),
        ]  # fmt: skip
        child = Child("sandbox", argv, environment=self.place.environment(), log=self._log("sandbox"))
        self._sandbox = child
        until = time.monotonic() + _READY
        while not child.said("}\n"):
            _must_come_up(child, until)
        self.place.urls = json.loads(child.log.read_text().splitlines()[0])

    def _log(self, name: str) -> Path:
        return self.place.folder / f"{name}.log"


def _must_come_up(child: Child, until: float) -> None:
    if child.ended is not None or time.monotonic() > until:
        raise SoakError(f"{child.name} did not come up, see {child.log}: {child.last_words()}")
    time.sleep(0.05)
