"""Outcomes that wait a moment for company, so that several are written in one round trip.

Only successes of what may be sent twice wait, and only where nothing follows them: should the worker die before they are
written, each is sent again under its key and answered as before. That holds for at most `MOST` outcomes and one for each
slot; none waits while its slot has nothing else to do, or where they come so seldom that no company is to be expected.

That they went well is told to the breaker in larger numbers, at most a tenth of a second late, and before a failure is.
"""

import math
import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial

from ledger.record import Entry
from resilience.breaker import Verdict
from resilience.permit import Permit
from tasks.platform import platform
from tasks.writer import Writer, given_up, write

MOST = 8  # outcomes that wait before somebody writes them; and hints that one thread takes at once
_TOLD = 64  # successes that the breaker is told of together
_TELL = 0.1  # seconds until it is told of fewer; its window is of seconds
_SELDOM = 0.005  # seconds from one outcome to the next, from which on each is written at once
_LONE = 0.02  # and from which on each is told at once: somebody looks every 5 ms while one is untold


@dataclass(frozen=True, slots=True)
class _Waiting:
    entry: Entry
    permit: Permit
    since: float


class Held:
    """The outcomes of this process that wait.

    Args:
        clock: seconds.
    """

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._lock = threading.Lock()
        self._waiting: list[_Waiting] = []
        self._untold: list[Permit] = []
        self._told_at = -math.inf
        self._last, self._gap = clock(), math.inf
        self._wake: Callable[[], None] | None = None
        self._writer: Writer | None = None

    def __bool__(self) -> bool:
        """Whether any waits, or is to be told of."""
        with self._lock:  # what is taken to be written is to be told of from then on
            return bool(self._waiting or self._untold)

    @property
    def is_open(self) -> bool:
        """Whether somebody sees to it that what waits is written."""
        return self._wake is not None

    def open(self, wake: Callable[[], None]) -> None:
        """From now on somebody sees to it.

        Args:
            wake: makes him look.
        """
        self._writer = Writer()
        self._writer.start()
        self._wake = wake

    def close(self) -> None:
        """Nobody does any more: write what waits, and wait for what is being written."""
        self._wake = None
        if self._writer is not None:
            self._writer.end()
        self._writer = None
        self.write()
        _tell(self._taken_untold())

    def add(self, entry: Entry, permit: Permit) -> None:
        """Let an outcome wait."""
        with self._lock:
            now = self._clock()
            self._gap, self._last = now - self._last, now
            self._waiting.append(_Waiting(entry, permit, now))
        if (wake := self._wake) is not None:
            wake()
        else:
            self.write()  # it was closed meanwhile
            _tell(self._taken_untold())

    def write_what_is_due(self) -> None:
        """Write what waits, if it is enough or no company is to be expected."""
        self.write(at_least=1 if self._gap > _SELDOM else MOST)

    def write(self, *, at_least: int = 1) -> None:
        """Write what waits, if that is enough."""
        if batch := self._taken(at_least):
            self._tell_and_write(batch)

    def write_elsewhere(self, *, older_than: float) -> None:
        """Have what has waited for so many seconds written by another thread: whoever looks may not wait for a server."""
        if batch := self._taken(1, older_than):
            self._elsewhere(partial(self._write, batch))
        if untold := self._taken_untold(every=_TELL):
            self._elsewhere(partial(_tell, untold))

    def report(self) -> None:
        """Say of what went well that it did before anything else is said, and have what waits written."""
        batch = self._taken(1)
        _tell(self._taken_untold())
        if batch:
            self._elsewhere(partial(self._write, batch))

    def _taken(self, at_least: int, older_than: float = 0.0) -> list[_Waiting]:
        if not self._waiting:
            return []
        with self._lock:
            few = len(self._waiting) < at_least
            if few or not self._waiting or self._clock() - self._waiting[0].since < older_than:
                return []
            batch, self._waiting = self._waiting, []
            self._untold += [each.permit for each in batch]
        return batch

    def _taken_untold(self, *, every: float = 0.0) -> list[Permit]:
        """What the breaker is to be told of: if these are many, or nothing was for so many seconds."""
        with self._lock:
            now = self._clock()
            if not self._untold or (len(self._untold) < _TOLD and now - self._told_at < every):
                return []
            untold, self._untold, self._told_at = self._untold, [], now
        return untold

    def _elsewhere(self, work: Callable[[], None]) -> None:
        writer = self._writer
        if writer is None or not writer.put(work):
            work()

    def _tell_and_write(self, batch: Sequence[_Waiting]) -> None:
        _tell(self._taken_untold(every=0.0 if self._gap > _LONE else _TELL))
        self._write(batch)

    def _write(self, batch: Sequence[_Waiting]) -> None:
        writer, locked = self._writer, write([each.entry for each in batch])
        if locked and (writer is None or not writer.keep(locked)):
            given_up(len(locked))


def _tell(permits: Sequence[Permit]) -> None:
    if permits:
        platform().admission.report_all(permits, Verdict.OK)


held = Held()
