"""What calls came to in the last hour, counted at most every few seconds however many people look."""

import threading
import time
from dataclasses import dataclass

from ledger import recent, usage
from ledger.recent import Slice
from ledger.usage import SentLately
from tasks.platform import Platform

WINDOW = 3600.0  # seconds
EACH = 120.0  # seconds of one bar
_FRESH = 10.0  # seconds for which a count is good enough


@dataclass(frozen=True, slots=True)
class Lately:
    """The last hour, and what was sent in the last minute."""

    slices: dict[str, list[Slice]]
    sent: list[SentLately]


class Counted:
    """The last count; one thread makes it, the others wait for it once and then use it."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._at = float("-inf")
        self._of: Platform | None = None
        self._last: Lately | None = None

    def now(self, platform: Platform) -> Lately:
        """A count no older than a few seconds."""
        with self._lock:
            if self._last is None or self._of is not platform or time.monotonic() - self._at > _FRESH:
                self._last, self._of, self._at = _count(platform), platform, time.monotonic()
            return self._last


def _count(platform: Platform) -> Lately:
    providers = list(platform.registry.providers)
    with platform.ledger.connection() as connection:
        return Lately(
            slices=recent.slices(connection, providers, window=WINDOW, each=EACH),
            sent=usage.sent_lately(connection, providers, window=60.0, grain=60.0),
        )
