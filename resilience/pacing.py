"""How many operations the sweep hints at in each lane: pure."""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

Key = TypeVar("Key")
One = TypeVar("One")


@dataclass(frozen=True, slots=True)
class LaneView:
    """What the sweep sees of one lane (queue, tenant, provider, kind) that has something due.

    Attributes:
        due: operations that are due and have no hint under way; counted up to a bound.
        hinted: operations that have one.
        room: permits that admission will grant soon; None where nothing limits it.
    """

    lane: int
    queue: str
    tenant: str
    due: int
    hinted: int
    room: int | None


@dataclass(frozen=True, slots=True)
class LaneWant:
    """What a lane wants of the limits that it shares with others.

    Attributes:
        work: operations that are due, with or without a hint under way.
        room: permits that it would get if it were alone.
        rooms: permits of each of its limits alone, by a name that is the same for all lanes that use them up.
        even: whether they are there from now on; else some time later.
    """

    lane: int
    work: int
    room: int
    rooms: tuple[tuple[str, int], ...] = ()
    even: bool = True


class Turns:
    """Whose turn it is, where more want something than one tick can look at or has something for.

    Two orders, or those who cannot be served would keep the others from being looked at: a look is had by being looked at,
    a turn by being served, or by having been free to.

    Args:
        most: looked at in one tick.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._tick = 0
        self._looked: dict[int, int] = {}
        self._turns: dict[int, int] = {}
        self._taken: list[int] = []

    def take(self, ones: Sequence[One], number: Callable[[One], int]) -> list[One]:
        """Those that were not looked at for the longest time, in the order of their last turns; who is new comes last.

        Args:
            ones: all that want a look now.
            number: of each, by which it is known in the next tick.
        """
        self._tick += 1
        numbers = [number(one) for one in ones]
        self._looked = {each: self._looked.get(each, 0) for each in numbers}
        self._turns = {each: self._turns.get(each, self._tick) for each in numbers}
        chosen = sorted(ones, key=lambda one: self._looked[number(one)])[: self._most]
        chosen.sort(key=lambda one: self._turns[number(one)])
        self._taken = [number(one) for one in chosen]
        self._looked |= dict.fromkeys(self._taken, self._tick)
        return chosen

    def end(self, passed_over: Container[int]) -> None:
        """Those that were taken have had their turn, but not those that might have had something and got nothing."""
        self._turns |= {each: self._tick + 1 for each in self._taken if each not in passed_over}


def divide(wants: Iterable[LaneWant]) -> dict[int, int]:
    """Divide what limits grant among the lanes behind them: equal slices, and what one has no work for goes to the others.

    A limit that few lanes share is divided before one that many do, so that each lane asks the wide one for no more than
    the narrow one lets through. Where there is less than one permit for each, those that come first get one.

    Returns:
        Permits for every lane.
    """
    rooms: dict[int, int] = {}
    behind: dict[str, list[int]] = defaultdict(list)
    free: dict[str, int] = {}
    for want in wants:
        rooms[want.lane] = min(want.work, want.room)
        for limit, room in want.rooms:
            behind[limit].append(want.lane)
            free[limit] = min(room, free.get(limit, room))
    for limit, lanes in sorted(behind.items(), key=lambda one: len(one[1])):
        parts = _fair({lane: rooms[lane] for lane in lanes}, free[limit])
        rooms |= {lane: parts.get(lane, 0) for lane in lanes}
    return rooms


def crowded(wants: Iterable[LaneWant]) -> float:
    """The share of what limits grant in a time that is asked of them: 1 where there is a hint for every permit.

    Over that share of the time hints are best spread. Permits come one by one, so that of hints that come all at once the
    later ones would be refused; where there are plenty of permits, hints that come together cost less. It is all of the
    time where permits come only towards its end.
    """
    work: dict[str, int] = defaultdict(int)
    free: dict[str, int] = {}
    for want in wants:
        if not want.even:
            return 1.0
        for limit, room in (*want.rooms, (f"of lane {want.lane}", want.room)):
            work[limit] += want.work
            free[limit] = min(room, free.get(limit, room))
    return max((min(1.0, work[limit] / max(room, 1)) for limit, room in free.items()), default=0.0)


def share(lanes: Iterable[LaneView], *, window: int, hinted: dict[str, int]) -> dict[int, int]:
    """Share each queue's free window among its lanes: equal slices per tenant, then per lane, until it is used.

    Where there is less than one hint for each, those that come first get one.

    Args:
        lanes: what is due.
        window: hints that may be under way in one queue; more would only wait in Redis.
        hinted: hints under way per queue.

    Returns:
        Hints to send now, by lane; lanes that get none are left out.
    """
    by_queue: dict[str, list[LaneView]] = defaultdict(list)
    for lane in lanes:
        by_queue[lane.queue].append(lane)
    return {
        lane: count
        for queue, members in by_queue.items()
        for lane, count in _share_queue(members, window - hinted.get(queue, 0)).items()
    }


def _share_queue(lanes: list[LaneView], free: int) -> dict[int, int]:
    tenants: dict[str, dict[int, int]] = defaultdict(dict)
    for lane in lanes:
        if want := _wants(lane):
            tenants[lane.tenant][lane.lane] = want
    slices = _fair({tenant: sum(wants.values()) for tenant, wants in tenants.items()}, free)
    return {lane: count for tenant, part in slices.items() for lane, count in _fair(tenants[tenant], part).items()}


def _wants(lane: LaneView) -> int:
    if lane.room is None:
        return lane.due
    return max(0, min(lane.due, lane.room - lane.hinted))


def _fair(wants: Mapping[Key, int], free: int) -> dict[Key, int]:
    """Equal slices; what one does not want goes to the others. Where it is too little for all, the first get one each.

    Who gets none is left out.
    """
    wanting = {key: want for key, want in wants.items() if want > 0}
    if free < len(wanting):
        return dict.fromkeys(list(wanting)[: max(0, free)], 1)
    given: dict[Key, int] = {}
    remaining = dict(sorted(wanting.items(), key=lambda item: item[1]))
    while remaining and free > 0:
        key, want = next(iter(remaining.items()))
        part = min(want, max(1, free // len(remaining)))
        given[key] = part
        free -= part
        del remaining[key]
    return given
