"""Outcomes that wait a moment for company, so that several are written in one round trip.

Only successes of what may be sent twice wait, and only where nothing follows them: should the worker die before they are
written, each is sent again under its key and answered as before. That holds for at most `MOST` outcomes and one for each
slot; none waits while its slot has nothing else to do, or where they come so seldom that no company is to be expected.
"""

import threading
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import structlog

from ledger.record import Entry
from ledger.session import LOST, persist
from ledger.successes import record_successes
from resilience.admission import Permit
from resilience.breaker import Verdict
from tasks.platform import platform

MOST = 8  # outcomes that wait before somebody writes them; and hints that one thread takes at once
_SELDOM = 0.005  # seconds from one outcome to the next
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
        self.is_open = False

    def __bool__(self) -> bool:
        """Whether any waits."""
        return bool(self._waiting)

    def open(self) -> None:
        """From now on somebody sees to it that what waits is written."""
        self.is_open = True

    def close(self) -> None:
        """Nobody does any more: write what waits."""
        self.is_open = False
        self.write()

    def add(self, entry: Entry, permit: Permit) -> None:
        """Let an outcome wait."""
        with self._lock:
            now = self._clock()
            self._seldom, self._last = now - self._last > _SELDOM, now
            self._waiting.append(_Waiting(entry, permit, now))

    def write_what_is_due(self) -> None:
        """Write what waits, if it is enough or no company is to be expected."""
        self.write(at_least=1 if self._seldom else MOST)

    def write(self, *, at_least: int = 1, older_than: float = 0.0) -> None:
        """Write what waits, if that is enough, or old enough (seconds)."""
        if not self._waiting:
            return
        with self._lock:
            few = len(self._waiting) < at_least
            if few or not self._waiting or self._clock() - self._waiting[0].since < older_than:
                return
            batch, self._waiting = self._waiting, []
        platform().admission.report_all([each.permit for each in batch], Verdict.OK)
        _write([each.entry for each in batch])


def _write(entries: Sequence[Entry]) -> None:
    try:
        persist(lambda: record_successes(platform().ledger, entries))
    except LOST:
        _log.exception("outcomes were not written: their operations are looked at again", count=len(entries))
    except Exception:  # noqa: BLE001  one of them spoils it for all, and none may end the slot that came along
        if len(entries) == 1:
            _log.exception("an outcome cannot be written", operation=str(entries[0].lease.operation_id))
            return
        for entry in entries:
            _write([entry])


held = Held()
