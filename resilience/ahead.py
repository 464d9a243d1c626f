"""Permits taken ahead: who comes back soon to wide limits takes several at once, and has them at hand for a moment.

They are granted only while every bucket stays half full, so half of a burst is always left to others. That is also why what
is not used need not be handed back: after its time it is void, as every permit is, and the limits have counted it. Whoever
comes seldom, or for what is scarce, gets none ahead.
"""

import threading
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

from resilience.permit import Permit, Question
from resilience.traffic import Lane

MOST = 64  # permits that lie here for calls that are alike
_SHELF = 0.4  # share of a permit's life for which it may lie here; the rest is for the claim and the call
_MANY = 1000  # shelves from which on those that nobody comes back to are cleared away

_Key = tuple[Lane, float]  # calls that are alike: where they count, and for how much


@dataclass(slots=True)
class _Shelf:
    """What was granted last: how many, how many of these were used, and those that lie here."""

    since: float
    seconds: float
    granted: int
    used: int
    left: deque[Permit]


class Ahead:
    """The permits of this process that nobody has used yet; `now` is BOOTTIME.

    Attributes:
        forgotten: how often something was; what was asked for before that is not laid down after it.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._shelves: dict[_Key, _Shelf] = {}
        self.forgotten = 0

    def take(self, question: Question, now: float) -> Permit | None:
        """One that lies here and is young enough; who finds out whether a provider is back asks for its own."""
        if question.may_probe or not self._shelves:
            return None
        with self._lock:  # a shelf that was replaced meanwhile has the same permits
            shelf = self._shelves.get(_key(question))
            while shelf is not None and shelf.left:
                permit = shelf.left.popleft()
                if now - permit.asked_at < shelf.seconds:
                    shelf.used += 1
                    return permit
        return None

    def more(self, question: Question, many: int, now: float) -> int:
        """How many to ask for beyond `many`: as if twice what was granted last were needed, or what was used in its time."""
        shelf = self._shelves.get(_key(question))
        if shelf is None or question.may_probe or now - shelf.since > 2 * shelf.seconds:
            return 0
        needed = 2 * shelf.granted if now - shelf.since < shelf.seconds else shelf.used
        return max(0, min(needed, MOST) - many)

    def keep(self, question: Question, granted: Sequence[Permit], many: int, forgotten: int) -> None:
        """Lay down what was granted beyond the `many` that are used at once; nothing where some were refused.

        Args:
            question: of each of the calls.
            granted: the permits.
            many: calls that are made now.
            forgotten: as it was before it was asked.
        """
        with self._lock:
            before = self._shelves.pop(_key(question), None)
            if len(granted) < many or question.may_probe or forgotten != self.forgotten:
                return
            first = granted[0]
            if len(self._shelves) >= _MANY:
                self._shelves = {
                    key: one for key, one in self._shelves.items() if first.asked_at - one.since < one.seconds
                }
            left = deque(granted[many:], MOST)
            if before is not None:  # another thread asked at the same moment
                left.extendleft(reversed(before.left))
            self._shelves[_key(question)] = _Shelf(first.asked_at, _SHELF * first.life, many + len(left), many, left)

    def forget(self, provider: str) -> None:
        """Use nothing of a provider's that lies here: its breaker moved, or it said that we are too fast."""
        with self._lock:
            self.forgotten += 1
            self._shelves = {key: one for key, one in self._shelves.items() if key[0].provider != provider}


def _key(question: Question) -> _Key:
    return question.lane, question.cost
