"""S7: in no window more calls than the provider grants, by the provider's own clock.

What it read after it had stood still may have arrived at any time since it last looked: such a call counts for those windows
only in which it was for certain, and not among the calls at once, for who made it may have hung up long ago. But whenever
they came, no more than twice as many may come in two windows, and so on.
"""

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from soak.checker.history import History
from soak.checker.journal import Journal, Request
from soak.checker.terms import Limit
from soak.checker.violation import Violation


@dataclass(frozen=True, slots=True)
class Fullest:
    """The fullest window of a limit, or the most calls at once.

    Attributes:
        most: calls in it; the limit itself is in `limit.calls`.
        at: wall time of its last call.
    """

    limit: Limit
    lane: str
    most: int
    at: float


def check(history: History) -> Iterator[Violation]:
    """Yield windows that are over."""
    for found in fullest(history):
        if found.most > found.limit.calls:
            sentence = f"{found.limit.said}: {found.most} for {found.lane} at {found.at:.3f}"
            yield Violation("S7", "over the limit", sentence)


def fullest(history: History) -> list[Fullest]:
    """For each limit and each lane of it, its fullest moment."""
    found, journal = [], history.journal
    for limit in history.terms.limits:
        lanes: dict[str, list[Request]] = defaultdict(list)
        for request in journal.requests:
            if request.provider == limit.provider:
                lanes[request.tenant if limit.tenant else "all"].append(request)
        names = history.terms.tenants.get(limit.provider, {})
        for lane, requests in lanes.items():
            measure = _in_a_window if limit.per else _at_once
            most, at = measure(limit, requests, journal)
            found.append(Fullest(limit, names.get(lane, lane), most, at))
    return found


def _at_once(limit: Limit, requests: Sequence[Request], journal: Journal) -> tuple[int, float]:
    sure = (request for request in requests if journal.stall(request.mono) is None)
    return max(((request.crowd[limit.tenant], request.at) for request in sure), default=(0, 0.0))


def _in_a_window(limit: Limit, requests: Sequence[Request], journal: Journal) -> tuple[int, float]:
    """The most in one window, or for each of several that follow one another where the provider stood still for longer."""
    longest = max((stall.until - stall.since for stall in journal.stalls), default=0.0)
    most, at = _fullest(limit.per, requests, journal)
    for windows in range(2, math.ceil(longest / limit.per) + 2) if longest else ():
        several, when = _fullest(windows * limit.per, requests, journal)
        most, at = max((most, at), (math.ceil(several / windows), when))
    return most, at


def _fullest(per: float, requests: Sequence[Request], journal: Journal) -> tuple[int, float]:
    """The window begins after its first moment and ends with its last: what is exactly `per` apart is in two windows."""
    ordered = sorted(requests, key=lambda request: request.mono)
    stalls = (journal.stall(request.mono) for request in ordered)
    earliest = [stall.since if stall else request.mono for request, stall in zip(ordered, stalls, strict=True)]
    most, when, first = 0, 0.0, 0
    for last, request in enumerate(ordered):
        while first < last and earliest[first] <= request.mono - per:
            first += 1
        if last - first + 1 > most:
            most, when = last - first + 1, request.at
    return most, when
