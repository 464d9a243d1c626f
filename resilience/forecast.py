"""What admission would grant soon, for whoever decides how many hints to send; forecast.lua finds it out."""

from collections.abc import Sequence
from dataclasses import dataclass

from resilience.breaker import BreakerState
from resilience.way import Way

SEAT_TURNS = 4  # calls that one seat serves within a forecast's time, as forecast.lua expects


@dataclass(frozen=True, slots=True)
class Forecast:
    """What admission would grant a lane soon.

    Attributes:
        room: permits; None where nothing limits it.
        rooms: permits of each limit alone, by its key: lanes with the same key use up the same ones.
        seats: the keys of limits on calls at once, of which more are granted in that time than there are, one after another.
        even: whether the permits are there from now on; else towards the end of that time.
    """

    breaker: BreakerState | None
    retry_in: float
    probing: bool
    room: int | None
    rooms: tuple[tuple[str, int], ...] = ()
    seats: frozenset[str] = frozenset()
    even: bool = True


def rooms(way: Way, each: Sequence[int], lowered: Sequence[tuple[bytes, int]]) -> tuple[tuple[str, int], ...]:
    """What each limit grants, by its key; none while the breaker is not closed."""
    own = tuple((key, room) for key, room in zip(way.limits, each, strict=False) if room >= 0)
    return own + tuple((f"{way.lowered}:{name.decode()}", room) for name, room in lowered)
