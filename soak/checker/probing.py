"""R7: while a breaker is open the provider is asked by one call at a time, whatever the backlog and the fleet."""

import itertools
import math
from collections.abc import Iterator, Sequence

from soak.checker.history import History
from soak.checker.journal import Journal, Request
from soak.checker.violation import Violation

_UNDER_WAY = 0.5  # seconds in which calls that were permitted before it opened may still arrive
_BROKEN = 500  # statuses from here on, and 429, do not close a breaker
_TOO_MANY = 429
_GOOD = range(200, 300)
_HUNG_UP = frozenset({"closed", "handshake", "refused", "reset"})  # no answer, and the caller knew at once


def check(history: History) -> Iterator[Violation]:
    """Yield calls that were made to a provider while its breaker was open and another call was finding out."""
    for provider, opened, closed in _open(history):
        total = history.terms.totals.get(provider, 0.0)
        inside = [
            request for request in history.journal.requests
            if request.provider == provider and opened + _UNDER_WAY < request.at < closed
        ]  # fmt: skip
        for request in _crowded(sorted(inside, key=lambda request: request.at), total, history.journal):
            sentence = (
                f"{provider}: its breaker opened at {opened:.3f}, and at {request.at:.3f} two calls were under way"
            )
            yield Violation("R7", "leaked", sentence)


def _open(history: History) -> Iterator[tuple[str, float, float]]:
    """Each time that a breaker was open, from its first opening to its closing, if it ever closed."""
    since: dict[str, float] = {}
    for move in history.dump.breaker:
        if move["after"] == "open":
            since.setdefault(move["provider"], move["at"])
        elif move["after"] == "closed" and move["provider"] in since:
            yield move["provider"], since.pop(move["provider"]), move["at"]
    yield from ((provider, opened, math.inf) for provider, opened in since.items())


def _closes(request: Request) -> bool:
    """Whether the breaker may have closed by its answer; a refusal that was played says nothing of the provider's health."""
    if request.status is None or request.how != "sent" or request.status == _TOO_MANY:
        return False
    return request.status in _GOOD or (request.status < _BROKEN and not request.fault)


def _crowded(requests: Sequence[Request], total: float, journal: Journal) -> Iterator[Request]:
    """Calls that began before the one before them was over; up to the one whose answer closes the breaker.

    When one was made that was read after a standstill, nobody knows.
    """
    for before, after in itertools.pairwise(requests):
        if _closes(before):
            return
        if journal.stall(before.mono) or journal.stall(after.mono):
            continue
        # One that hung is over when the caller has given it up.
        ended = before.status is not None or before.how in _HUNG_UP
        over = before.until if ended and before.until is not None else before.at + total
        if after.at < min(over, before.at + total):
            yield after
