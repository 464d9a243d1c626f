"""One thread of the pool: what it has in its hands, and whether it is at work or held up."""

import threading
from collections import deque
from collections.abc import Callable

from integrations.connection import LineState, current
from tasks.bulkhead import Job, Lane

_SLOW = 0.002  # seconds after which a thread that waits for its provider makes room for another
_STUCK = 0.02  # seconds after which one makes room whatever it does: waiting for PostgreSQL, most likely


class Slot(threading.Thread):
    """One slot.

    Attributes:
        wake: released to wake it.
        hand: what it has taken and not begun to carry out.
        taken: when it took that; monotonic.
        since: when its present job began; None while it sleeps.
        lane: whose job that is.
        line: whether it waits for its provider.
    """

    def __init__(self, serve: "Callable[[Slot], bool]", number: int) -> None:
        super().__init__(name=f"slot-{number}", daemon=True)
        self.wake = threading.Lock()
        self.wake.acquire()
        self.hand: deque[Job] = deque()
        self.taken = 0.0
        self.since: float | None = None
        self.lane: Lane | None = None
        self.line = LineState()
        self._serve = serve

    def works(self, now: float) -> bool:
        """Whether it has something to do, and is not held up."""
        if self.since is None or now - self.since > _STUCK:
            return False
        waiting = self.line.waiting_since
        return waiting is None or now - waiting < _SLOW

    def run(self) -> None:
        """Serve, and sleep until there is something to serve."""
        current.line = self.line
        while self._serve(self):
            self.wake.acquire()
