"""What admission would grant soon, for whoever decides how many hints to send; forecast.lua finds it out."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from resilience.breaker import BreakerState
from resilience.way import Way

SEAT_TURNS = 4  # calls that one seat serves within a forecast's time, as forecast.lua expects


@dataclass(frozen=True, slots=True)
class Forecast:
    """What admission would grant a lane soon.

    Attributes:
        room: permits; None where nothing limits it.
        rooms: permits of each limit alone, by its key: lanes with the same key use up the same ones.
        seats: how many there are of each limit on calls at once, by its key; in that time each is granted several times.
        even: whether the permits are there from now on; else towards the end of that time.
    """

    breaker: BreakerState | None
    retry_in: float
    probing: bool
    room: int | None
    rooms: tuple[tuple[str, int], ...] = ()
    seats: Mapping[str, float] = field(default_factory=dict)
    even: bool = True

    def at_once(self, limit: str, room: int) -> int:
        """How many of what a limit grants in that time are there now: of seats those that are free."""
        return max(0, math.floor(room - (SEAT_TURNS - 1) * self.seats[limit])) if limit in self.seats else room


def rooms(way: Way, each: Sequence[int], lowered: Sequence[tuple[bytes, int]]) -> tuple[tuple[str, int], ...]:
    """What each limit grants, by its key; none while the breaker is not closed."""
    own = tuple((key, room) for key, room in zip(way.limits, each, strict=False) if room >= 0)
    return own + tuple((f"{way.lowered}:{name.decode()}", room) for name, room in lowered)
