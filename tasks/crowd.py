"""Which queues hold so many hints that one more helps nobody.

While no worker is up there is no sweep either, and nothing but this keeps callers from filling Redis. What is accepted
without a hint is hinted at by the sweep, oldest first.
"""

import time
from collections.abc import Callable

import redis

from tasks.hint import queue_key

ENOUGH = 1000  # messages in one list
_PAUSE = 1.0  # seconds until it is asked again how many there are


class Crowd:
    """How long the lists in Redis were when this process last added to them; Redis says so in its answer.

    Args:
        length: asks Redis for the length of a list.
        enough: messages in one list.
        clock: seconds.
    """

    def __init__(
        self, length: Callable[[str], int], *, enough: int = ENOUGH, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._length = length
        self.enough = enough
        self._clock = clock
        self._until: dict[str, float] = {}

    def saw(self, key: str, length: int) -> None:
        """A list of Redis held so many messages after one was added."""
        if length >= self.enough:
            self._until[key] = self._clock() + _PAUSE

    def full(self, queue: str, priority: int = 0) -> bool:
        """Whether hints at what is accepted now are left to the sweep."""
        if not self._until:  # as nearly always
            return False
        key = queue_key(queue, priority)
        if self._clock() >= self._until.get(key, float("inf")):
            self._ask(key)
        return key in self._until

    def _ask(self, key: str) -> None:
        """Ask again, rather than add one more to find out: with many callers that would be thousands in an hour."""
        try:
            length = self._length(key)
        except redis.RedisError:
            length = 0  # who publishes now will notice
        self._until.pop(key, None)
        self.saw(key, length)
