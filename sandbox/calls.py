"""When calls arrived, by this provider's clock: what limits are held against, and what a checker asks for."""

import math
from array import array
from bisect import bisect_right
from collections import Counter, defaultdict
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.journal import Journal, Json

Lane = tuple[str, str | None]  # a provider, and one tenant or all


class Calls:
    """Every arrival of every provider and tenant, folded from the journal."""

    def __init__(self, journal: Journal) -> None:
        self._arrived: dict[Lane, array[float]] = defaultdict(lambda: array("d"))
        self._admitted: dict[Lane, array[float]] = defaultdict(lambda: array("d"))
        self._refused: Counter[Lane] = Counter()
        self._crowd: Counter[Lane] = Counter()
        journal.follow("request", self._take)

    def admitted(self, lane: Lane, *, now: float, per: float) -> int:
        """Return how many calls were let through in the window that ends now."""
        times = self._admitted[lane]
        return len(times) - bisect_right(times, now - per)

    def wait(self, lane: Lane, *, now: float, per: float, calls: int) -> float:
        """Return the seconds until one more call fits."""
        times = self._admitted[lane]
        return max(0.0, times[-calls] + per - now) if len(times) >= calls > 0 else 0.0

    def summary(self, lane: Lane, *, window: float) -> Json:
        """Return what a checker wants to know about one lane."""
        return {
            "calls": len(self._arrived[lane]),
            "max_calls": _fullest(self._arrived[lane], window),
            "limited": self._refused[lane],
            "max_concurrent": self._crowd[lane],
        }

    def tenants(self, provider: str) -> list[str]:
        """Return the tenants that have called."""
        return sorted(tenant for name, tenant in list(self._arrived) if name == provider and tenant)

    def _take(self, event: Json) -> None:
        crowd = event["concurrent"]
        for lane, present in (((event["provider"], None), crowd[0]), ((event["provider"], event["tenant"]), crowd[1])):
            self._arrived[lane].append(event["mono"])
            self._crowd[lane] = max(self._crowd[lane], present)
            if event.get("limited"):
                self._refused[lane] += 1
            else:
                self._admitted[lane].append(event["mono"])


class Flights:
    """How many requests are being served at this moment."""

    def __init__(self) -> None:
        self._count: Counter[Lane] = Counter()

    @contextmanager
    def one_more(self, provider: str, tenant: str) -> Iterator[list[int]]:
        """Count one request in for as long as it lasts; gives how many there are, of the provider and of the tenant."""
        lanes: list[Lane] = [(provider, None), (provider, tenant)]
        self._count.update(lanes)
        try:
            yield [self._count[lane] for lane in lanes]
        finally:
            self._count.subtract(lanes)


def _fullest(times: "array[float]", window: float) -> int:
    """Return the most calls in any window of that length, its start excluded and its end included."""
    most, first = 0, 0
    for last, time in enumerate(times):
        while times[first] <= time - window:
            first += 1
        most = max(most, last - first + 1)
    return most if math.isfinite(window) else len(times)
