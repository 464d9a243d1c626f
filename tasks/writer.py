"""Writes successes down, and what must wait in a thread of its own: a row that somebody has locked holds up no other's.

An application that accepts again what is under way, in a transaction that it leaves open, has the row for as long.
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from queue import Empty, SimpleQueue

import structlog

from ledger.record import Entry
from ledger.session import BUSY, LOST, RECORDING, persist
from ledger.successes import record_successes
from tasks.platform import platform

_AGAIN = 0.5  # seconds between two tries of a row that is locked
_log = structlog.get_logger(__name__)


class _LockedError(Exception):
    """Somebody's transaction has one of the rows; `persist` would wait for it with all the others."""


def write(entries: Sequence[Entry]) -> list[Entry]:
    """Write them, however long PostgreSQL is away; it logs what goes wrong, and raises nothing.

    Returns:
        Those whose rows somebody has locked.
    """
    try:
        persist(lambda: _record(entries))
    except LOST:
        _log.exception("outcomes were not written: their operations are looked at again", count=len(entries))
    except Exception as error:  # noqa: BLE001  one of them spoils it for all, and none may end the thread that came along
        if len(entries) > 1:
            return [locked for entry in entries for locked in write([entry])]
        if isinstance(error, _LockedError):
            return list(entries)
        _log.exception("an outcome cannot be written", operation=str(entries[0].lease.operation_id))
    return []


def _record(entries: Sequence[Entry]) -> None:
    try:
        record_successes(platform().ledger, entries)
    except BUSY as error:
        raise _LockedError from error


class Writer(threading.Thread):
    """Does what it is given in order, and meanwhile tries again what was locked, one at a time."""

    def __init__(self) -> None:
        super().__init__(name="writer", daemon=True)
        self._lock = threading.Lock()
        self._ended = False
        self._work: SimpleQueue[Callable[[], None] | None] = SimpleQueue()
        self._locked: deque[tuple[Entry, float]] = deque()  # since when; only this thread's
        self._next_try = 0.0

    def put(self, work: Callable[[], None]) -> bool:
        """Have it done; False when this one has ended."""
        with self._lock:
            if not self._ended:
                self._work.put(work)
            return not self._ended

    def keep(self, entries: Sequence[Entry]) -> bool:
        """Have them written once their rows are free; False when this one has ended."""
        locked = [(entry, time.monotonic()) for entry in entries]
        if threading.current_thread() is self:
            self._locked.extend(locked)
            return True
        return self.put(lambda: self._locked.extend(locked))

    def end(self) -> None:
        """Do what was given, try once more what is locked, and end."""
        with self._lock:
            self._ended = True
            self._work.put(None)
        self.join()

    def run(self) -> None:
        """Work until ended."""
        while True:
            try:
                work = self._work.get(timeout=_AGAIN if self._locked else None)
            except Empty:
                pass
            else:
                if work is None:
                    break
                self._do(work)
            if self._locked and time.monotonic() >= self._next_try:
                self._try_again()
        for _ in range(len(self._locked)):
            self._try_again()
        if self._locked:
            given_up(len(self._locked))

    def _do(self, work: Callable[[], None]) -> None:
        try:
            work()
        except Exception:  # noqa: BLE001  whatever it was, the next one's outcomes are written
            _log.exception("outcomes could not be written: their operations are looked at again")

    def _try_again(self) -> None:
        entry, since = self._locked.popleft()
        if write([entry]):
            if time.monotonic() - since < RECORDING:
                self._locked.append((entry, since))
            else:
                given_up(1)
        self._next_try = time.monotonic() + _AGAIN


def given_up(count: int) -> None:
    """Say that outcomes are not written: somebody has their rows, and their leases lapse."""
    _log.warning("somebody has locked the rows of outcomes: their operations are looked at again", count=count)
