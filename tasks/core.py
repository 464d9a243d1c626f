"""One core for the threads of a worker, while nobody else needs it.

They share one interpreter, so one core is all that they can use at a time, and handing over to another core costs more than
the work between two of them. What computes for itself is not held: plain tasks and what they start go where the machine has
room. Each worker of a machine has a core of its own; where none is left, a worker goes where it likes. None of it is worth
a failure: whatever the system refuses is left as it is.
"""

import fcntl
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random

import structlog

_FIRST_LOOK, _LOOK = 0.1, 2.0  # seconds until the first look, and between two
_FULL, _ROOM = 0.05, 0.3  # of its time that a core is idle: with less it is full, with more it has room
_ENOUGH = 0.65  # of a full core's time; who has less of his, shares it with somebody else who is held there
_LOOKS = 2  # one after the other that must say so
_PAUSE = 60.0  # seconds without a core before it is tried again; up to twice as many, lest two come back together

_rng = Random()  # noqa: S311  no secret
_log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Usage:
    """What was used: until now, or between two looks.

    Attributes:
        at: monotonic seconds.
        own: seconds of all cores, by this process.
        idle: seconds of each core, by nobody.
    """

    at: float
    own: float
    idle: Mapping[int, float]

    def since(self, before: "Usage") -> "Usage":
        """What was used since then."""
        idle = {number: idle - before.idle.get(number, idle) for number, idle in self.idle.items()}
        return Usage(self.at - before.at, self.own - before.own, idle)


def used() -> Usage:
    """What was used until now.

    Raises:
        OSError: the system does not say.
    """
    tick = os.sysconf("SC_CLK_TCK")
    lines = [line.split() for line in Path("/proc/stat").read_text().splitlines()]
    idle = {int(name[3:]): (int(of[3]) + int(of[4])) / tick for name, *of in lines if name[3:].isdecimal()}
    return Usage(time.monotonic(), time.process_time(), idle)


def shared(core: int, lately: Usage, allowed: Iterable[int]) -> bool:
    """Whether somebody else is held to this core while another has room: who is not held would have gone there."""
    room = max((lately.idle.get(number, 0.0) for number in allowed if number != core), default=0.0)
    full = lately.idle.get(core, 0.0) < _FULL * lately.at
    return full and lately.own < _ENOUGH * lately.at and room > _ROOM * lately.at


class Core:
    """The core of this process.

    Args:
        seats: a folder that the workers of a machine share; who has locked a core's file there, has the core.
    """

    def __init__(self, seats: Path | None = None) -> None:
        self._seats = seats
        self._lock = threading.Lock()
        self._allowed: set[int] = set()
        self._roaming: set[int] = set()
        self._seat: int | None = None
        self._looker: threading.Thread | None = None  # never held: where it may run is what the system allows
        self._over = threading.Event()
        self.number: int | None = None

    def keep(self, used: Callable[[], Usage] = used) -> None:
        """Have a core from now on, where there are several and the system lets one choose."""
        if hasattr(os, "sched_setaffinity"):
            self._over.clear()
            with suppress(OSError):  # a system that does not say
                self._allowed = os.sched_getaffinity(0)
            if len(self._allowed) > 1:
                self._looker = threading.Thread(target=self._look_after, args=(used,), name="core", daemon=True)
                self._looker.start()

    def give_up(self) -> None:
        """Have none from now on."""
        self._over.set()
        self.let_go()

    def forget(self) -> None:
        """In a child that was forked: the core is its parent's, and nobody there will release the lock."""
        seat, self._seat, self.number, self._lock = self._seat, None, None, threading.Lock()
        self._roaming.clear()
        if seat is not None:
            os.close(seat)  # or its parent's core would be taken for as long as it lives
            _hold(0, self._allowed)

    @contextmanager
    def roaming(self) -> Iterator[None]:
        """Within it, this thread and what it starts go where the machine has room; it raises nothing of its own."""
        thread = threading.get_native_id()
        if thread in self._roaming:
            yield
            return
        with self._lock:
            self._roaming.add(thread)
            if self.number is not None:
                _hold(thread, self._allowed)
        try:
            yield
        finally:
            with self._lock:
                self._roaming.discard(thread)
                if self.number is not None:
                    _hold(thread, {self.number})

    def take(self, idle: Mapping[int, float]) -> bool:
        """Take the idlest core that no worker has; False when each has one, or the system lets nobody be held."""
        for number in sorted(self._allowed, key=lambda one: -idle.get(one, 0.0)):
            seat = _locked((self._seats or Path(tempfile.gettempdir())) / f"lockgate-{os.getuid()}-core-{number}")
            if seat is not None:
                with self._lock:
                    if self._over.is_set():
                        os.close(seat)
                        return False
                    self._seat, self.number = seat, number
                    if self._hold_all({number}):
                        return True
                self.let_go()
        return False

    def let_go(self) -> None:
        """Give it back, if there is one."""
        with self._lock:
            if self._seat is not None:
                self._hold_all(self._allowed)
                os.close(self._seat)
            self._seat = self.number = None

    def _hold_all(self, cores: set[int]) -> bool:
        """Every thread of Python's; what they start later inherits it. False when the system refuses it for each."""
        # The main thread's number is its process's; Python goes on with the parent's in a child that was forked.
        main = threading.main_thread()
        some = [
            os.getpid() if one is main else one.native_id for one in threading.enumerate() if one is not self._looker
        ]
        held = [_hold(one, cores) for one in some if one is not None and one not in self._roaming and _is_ours(one)]
        return any(held) or not held

    def _look_after(self, used: Callable[[], Usage]) -> None:
        try:
            self._look_until_over(used)
        except OSError as error:  # a machine that does not say what is used, or lets nobody choose
            self.let_go()
            _log.info("the worker's threads are held to no core", error=str(error))

    def _look_until_over(self, used: Callable[[], Usage]) -> None:
        before, again_at, looks, pause = used(), 0.0, 0, _FIRST_LOOK
        while not self._over.wait(pause):
            now, pause = used(), _LOOK
            lately, before = now.since(before), now
            self._follow(os.sched_getaffinity(0))
            if self.number is None:
                if now.at >= again_at:
                    self.take(lately.idle)
            elif not shared(self.number, lately, self._allowed):
                looks = 0
            elif (looks := looks + 1) >= _LOOKS:
                _log.info("somebody else is held to this worker's core, which is let go", core=self.number)
                self.let_go()
                looks, again_at = 0, now.at + _PAUSE * _rng.uniform(1, 2)

    def _follow(self, allowed: set[int]) -> None:
        """A container may be given other cores while it runs; then everything is as it was at the start."""
        if allowed != self._allowed:
            self._allowed = allowed
            self.let_go()


def _is_ours(thread: int) -> bool:
    """Python keeps what a library's thread was until it ends itself; its number may be another process's by then."""
    return Path(f"/proc/self/task/{thread}").exists()


def _hold(thread: int, cores: set[int]) -> bool:
    """Whether the system agreed: a thread may have ended, a core been taken away, and some let nobody choose.

    None of this is a reason for anything to fail, least of all a task that has done its work.
    """
    with suppress(OSError):
        os.sched_setaffinity(thread, cores)
        return True
    return False


def _locked(path: Path) -> int | None:
    """An open file that nobody else has locked; the system unlocks it when the process ends."""
    seat = None
    try:
        seat = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        fcntl.flock(seat, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        if seat is not None:
            os.close(seat)
        return None
    return seat


core = Core()
os.register_at_fork(after_in_child=core.forget)
os.register_at_fork(after_in_child=_rng.seed)  # or siblings would come back together
