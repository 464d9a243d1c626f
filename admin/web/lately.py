"""What calls came to in the last hour, counted at most every few seconds however many people look.

What has been over for some minutes does not change any more, so it is counted once: a busy hour is not read for every look.
"""

import threading
import time
from dataclasses import dataclass

from ledger import recent, usage
from ledger.recent import Slice
from ledger.usage import SentLately
from tasks.platform import Platform

WINDOW = 3600.0  # seconds
EACH = 120.0  # seconds of one bar
_SHOWN = round(WINDOW / EACH)
_OPEN = 3  # slices at the end that are counted anew: calls that began in them may be under way
_FRESH = 10.0  # seconds for which a count is good enough


@dataclass(frozen=True, slots=True)
class Lately:
    """The last hour, and what was sent in the last minute."""

    slices: dict[str, list[Slice]]
    sent: list[SentLately]


class Counted:
    """The last count; one thread makes it, the others wait for it once and then use it.

    Args:
        fresh: seconds for which a count is good enough.
    """

    def __init__(self, fresh: float = _FRESH) -> None:
        self._fresh = fresh
        self._lock = threading.Lock()
        self._at = float("-inf")
        self._of: Platform | None = None
        self._last: Lately | None = None
        self._slices: dict[tuple[str, int], Slice] = {}
        self._until = 0  # the number of the first slice that may still change

    def now(self, platform: Platform) -> Lately:
        """A count no older than a few seconds."""
        with self._lock:
            if self._of is not platform:
                self._last, self._of, self._slices, self._until = None, platform, {}, 0
            if self._last is None or time.monotonic() - self._at > self._fresh:
                self._last, self._at = self._count(platform), time.monotonic()
            return self._last

    def _count(self, platform: Platform) -> Lately:
        providers = list(platform.registry.providers)
        with platform.ledger.connection() as connection:
            now = recent.number(connection, EACH)
            first = now - _SHOWN + 1
            since = max(self._until, first)
            found = recent.slices(connection, providers, since=since, each=EACH)
            self._slices = {of: one for of, one in self._slices.items() if first <= of[1] < since} | found
            self._until = now - _OPEN + 1
            sent = usage.sent_lately(connection, providers, window=60.0, grain=60.0)
        numbers = range(first, now + 1)
        return Lately({name: [self._slices.get((name, each), Slice()) for each in numbers] for name in providers}, sent)
