"""Outcomes that wait a moment for company, so that several are written in one round trip.

Only successes of what may be sent twice wait, and only where nothing follows them: should the worker die before they are
written, each is sent again under its key and answered as before. That holds for at most `MOST` outcomes and one for each
slot; none waits while its slot has nothing else to do, or where they come so seldom that no company is to be expected.
"""

import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial

import structlog

from ledger.record import Entry
from ledger.session import BUSY, LOST, persist
from ledger.successes import record_successes
from resilience.admission import Permit
from resilience.breaker import Verdict
from tasks.platform import platform

MOST = 8  # outcomes that wait before somebody writes them; and hints that one thread takes at once
_SELDOM = 0.005  # seconds from one outcome to the next
_WRITERS = 4  # threads; one may wait for a row that somebody has locked
_log = structlog.get_logger(__name__)


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
        self._last, self._seldom = clock(), True
        self._wake: Callable[[], None] | None = None
        self._writers: ThreadPoolExecutor | None = None

    def __bool__(self) -> bool:
        """Whether any waits."""
        return bool(self._waiting)

    @property
    def is_open(self) -> bool:
        """Whether somebody sees to it that what waits is written."""
        return self._wake is not None

    def open(self, wake: Callable[[], None]) -> None:
        """From now on somebody sees to it.

        Args:
            wake: makes him look.
        """
        self._writers = ThreadPoolExecutor(_WRITERS, "writer")
        self._wake = wake

    def close(self) -> None:
        """Nobody does any more: write what waits, and wait for what is being written."""
        self._wake, writers, self._writers = None, self._writers, None
        if writers is not None:
            writers.shutdown()
        self.write()

    def add(self, entry: Entry, permit: Permit) -> None:
        """Let an outcome wait."""
        with self._lock:
            now = self._clock()
            self._seldom, self._last = now - self._last > _SELDOM, now
            self._waiting.append(_Waiting(entry, permit, now))
        if (wake := self._wake) is not None:
            wake()
        else:
            self.write()  # it was closed meanwhile

    def write_what_is_due(self) -> None:
        """Write what waits, if it is enough or no company is to be expected."""
        self.write(at_least=1 if self._seldom else MOST)

    def write(self, *, at_least: int = 1) -> None:
        """Write what waits, if that is enough."""
        if batch := self._taken(at_least):
            self._carry(batch)

    def write_elsewhere(self, *, older_than: float) -> None:
        """Have what has waited for so many seconds written by another thread: whoever looks may not wait for a server."""
        if batch := self._taken(1, older_than):
            self._elsewhere(partial(self._carry, batch))

    def report(self) -> None:
        """Say of what waits that it went well before anything else is said, and have it written."""
        if batch := self._taken(1):
            _report(batch)
            self._elsewhere(partial(self._write, [each.entry for each in batch]))

    def _taken(self, at_least: int, older_than: float = 0.0) -> list[_Waiting]:
        if not self._waiting:
            return []
        with self._lock:
            few = len(self._waiting) < at_least
            if few or not self._waiting or self._clock() - self._waiting[0].since < older_than:
                return []
            batch, self._waiting = self._waiting, []
        return batch

    def _elsewhere(self, work: Callable[[], None]) -> None:
        writers = self._writers
        if writers is not None:
            with suppress(RuntimeError):  # it was closed meanwhile
                writers.submit(work)
                return
        work()

    def _carry(self, batch: Sequence[_Waiting]) -> None:
        _report(batch)
        self._write([each.entry for each in batch])

    def _write(self, entries: Sequence[Entry]) -> None:
        several = len(entries) > 1
        try:
            persist(lambda: _record(entries, together=several))
        except LOST:
            _log.exception("outcomes were not written: their operations are looked at again", count=len(entries))
        except Exception:  # noqa: BLE001  one of them spoils it for all, and none may end the slot that came along
            if not several:
                _log.exception("an outcome cannot be written", operation=str(entries[0].lease.operation_id))
                return
            for entry in [entry for entry in entries if not _recorded_alone(entry)]:
                self._elsewhere(partial(self._write, [entry]))


def _report(batch: Sequence[_Waiting]) -> None:
    platform().admission.report_all([each.permit for each in batch], Verdict.OK)


class _OneIsBusyError(Exception):
    """Somebody's transaction has one of the rows."""


def _record(entries: Sequence[Entry], *, together: bool) -> None:
    try:
        record_successes(platform().ledger, entries)
    except BUSY as error:
        if together:
            raise _OneIsBusyError from error  # which `persist` leaves alone: the others need not wait for it
        raise


def _recorded_alone(entry: Entry) -> bool:
    """Whether it was written at the first try; if not, somebody else tries for longer."""
    try:
        record_successes(platform().ledger, [entry])
    except Exception:  # noqa: BLE001  the next try says what it was
        return False
    return True


held = Held()
