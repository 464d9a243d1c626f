"""The demo's folder: what it keeps, who runs in it, and what an unclean end left there."""

import fcntl
import json
import os
import shlex
import signal
import time
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import psutil

_PATIENCE = 20.0  # seconds for the processes of an unclean end to be gone


class DemoError(Exception):
    """What keeps a demo from running; the message says the mend."""


@dataclass(frozen=True, slots=True)
class Known:
    """A process by its id and the time of its birth, so that another one with the same id is not taken for it."""

    name: str
    pid: int
    born: float

    @classmethod
    def now(cls, name: str, pid: int) -> "Known":
        """The process that has this id now."""
        try:
            return cls(name, pid, psutil.Process(pid).create_time())
        except psutil.NoSuchProcess:
            return cls(name, pid, 0.0)

    @property
    def alive(self) -> bool:
        """Whether it is still there; a zombie is not."""
        try:
            process = psutil.Process(self.pid)
            return process.create_time() == self.born and process.status() != psutil.STATUS_ZOMBIE
        except psutil.NoSuchProcess:
            return False

    def signal(self, number: signal.Signals) -> bool:
        """Send it a signal; False when it is gone."""
        if not self.alive:
            return False
        try:
            os.kill(self.pid, number)
        except ProcessLookupError:
            return False
        return True


@dataclass(frozen=True, slots=True)
class Running:
    """A running demo, as others find it.

    Attributes:
        flush_everything: whether the Redis is ours, so that FLUSHALL empties nobody else's.
        control: the sandbox's control port.
        processes: all that it started and owns, each by its name: `worker-1`, `postgres`, …
    """

    pid: int
    redis_url: str
    flush_everything: bool
    control: str
    processes: list[Known] = field(default_factory=list)


class Home:
    """The folder of the demo, inside the project's `.lockgate`.

    Args:
        folder: usually `.lockgate`, or LOCKGATE_HOME.
    """

    def __init__(self, folder: Path) -> None:
        self.servers = folder
        self.folder = folder / "demo"
        self._lock: Any = None

    @classmethod
    def from_environment(cls) -> "Home":
        """The one that LOCKGATE_HOME names, else `.lockgate` here."""
        return cls(Path(os.environ.get("LOCKGATE_HOME") or ".lockgate").resolve())

    def path(self, name: str) -> Path:
        """A file in it."""
        return self.folder / name

    def enter(self) -> None:
        """Be the one demo of this folder, once what an unclean end left is gone.

        Raises:
            DemoError: another one runs here.
        """
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            self._lock = self.path("lock").open("w")
        except OSError as error:
            raise DemoError(
                f"{self.folder} cannot be written ({error.strerror}): set LOCKGATE_HOME to a folder of yours"
            ) from None
        try:
            fcntl.flock(self._lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            raise DemoError(
                f"a demo is already running in {self.folder}: end it, or set LOCKGATE_HOME to another folder"
            ) from None
        left = self.running()
        if left is not None:
            _wait_for_the_end(left.processes)
        self.leave()  # what an unclean end left is not this run's

    def leave(self) -> None:
        """Say that no demo runs here any more."""
        for name in ("running.json", "environment", "chaos.log"):
            self.path(name).unlink(missing_ok=True)

    def offer(self, environment: Mapping[str, str]) -> Path:
        """Write down the deployment's environment, for operators' commands in another terminal; it holds secrets."""
        path = self.path("environment")
        path.touch(mode=0o600)
        lines = (f"export {name}={shlex.quote(value)}\n" for name, value in sorted(environment.items()))
        path.write_text("".join(lines))
        return path

    def note(self, what: str, sentence: str) -> None:
        """Tell the running demo what somebody did to it from another terminal: the action's name, and a sentence."""
        with self.path("chaos.log").open("a") as file:
            file.write(f"{json.dumps([what, sentence])}\n")

    def noted(self, after: int) -> list[tuple[str, str]]:
        """What others did, without so many that are known; see `note`."""
        try:
            lines = self.path("chaos.log").read_text().splitlines()[after:]
        except FileNotFoundError:
            return []
        return [(what, sentence) for what, sentence in map(json.loads, lines)]

    def write(self, running: Running) -> None:
        """Let others find the demo; the file holds Redis's password."""
        fresh = self.path("running.json.new")
        fresh.touch(mode=0o600)
        fresh.write_text(json.dumps(asdict(running)))
        fresh.replace(self.path("running.json"))

    def running(self) -> Running | None:
        """The demo that wrote itself down here, whether it still runs or not."""
        try:
            said = json.loads(self.path("running.json").read_text())
        except FileNotFoundError:
            return None
        except PermissionError:
            raise DemoError(
                f"{self.path('running.json')} belongs to another user: call as the one who runs it"
            ) from None
        return Running(**said | {"processes": [Known(**process) for process in said["processes"]]})


def _wait_for_the_end(processes: Iterable[Known]) -> None:
    """The kernel has told them to end when their demo died; who does not hear is killed."""
    until = time.monotonic() + _PATIENCE
    for process in processes:
        while process.alive and time.monotonic() < until:
            time.sleep(0.05)
        process.signal(signal.SIGKILL)
