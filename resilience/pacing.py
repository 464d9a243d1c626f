"""How many operations the sweep hints at in each lane: pure."""

from collections import defaultdict
from collections.abc import Callable, Container, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

Key = TypeVar("Key")
One = TypeVar("One")


# Times a lane's permits that may be under way in all: older hints died with their worker, or the workers are slow, and then
# the queue that all tenants share must not fill with those of one.
_BEHIND = 3


@dataclass(frozen=True, slots=True)
class LaneView:
    """What the sweep sees of one lane (queue, tenant, provider, kind) that has something due.

    Attributes:
        due: operations that are due and have no hint under way; counted up to a bound.
        hinted: operations that have one.
        fresh: of these, with one of the last moments, which will soon ask for its permit.
        room: permits that admission will grant soon; None where nothing limits it.
    """

    lane: int
    queue: str
    tenant: str
    due: int
    hinted: int
    fresh: int
    room: int | None


@dataclass(frozen=True, slots=True)
class LaneWant:
    """What a lane wants of the limits that it shares with others.

    Attributes:
        work: operations that are due, without a hint or with one that will soon ask for its permit.
        room: permits that it would get if it were alone.
        rooms: permits of each of its limits alone, by a name that is the same for all lanes that use them up.
        even: whether they are there from now on; else some time later.
        hinted: of the work, what has such a hint.
    """

    lane: int
    work: int
    room: int
    rooms: tuple[tuple[str, int], ...] = ()
    even: bool = True
    hinted: int = 0


@dataclass(frozen=True, slots=True)
class Span:
    """When a lane's hints are best sent, as shares of the time that its limits were asked about.

    Attributes:
        limit: the scarcest of its limits: lanes that share it send their hints by turns.
        begin: where those that are under way end.
        end: where all that is asked of that limit is used up.
    """

    limit: str
    begin: float
    end: float


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
        self._before: dict[int, int] = {}  # the turn that each had when it was last given something
        self._returned: set[int] = set()
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

    def end(self, passed_over: Container[int], served: Iterable[int] = ()) -> None:
        """Those that were taken have had their turn, but not those that might have had something and got nothing.

        Args:
            passed_over: these.
            served: those that were given something.
        """
        self._before = {each: before for each, before in self._before.items() if each in self._turns}
        self._before |= {each: self._turns[each] for each in served}
        self._returned &= self._turns.keys()
        self._turns |= {each: self._tick + 1 for each in self._taken if each not in passed_over}

    def again(self, refused: Iterable[int]) -> None:
        """What these were given was refused: they get the turn back that they had.

        Not twice in a row: one that is always refused would come before all others for ever.
        """
        for each in self._before.keys() & set(refused):
            if each not in self._returned:
                self._turns[each] = self._before[each]
            self._returned ^= {each}


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


def spans(wants: Iterable[LaneWant]) -> dict[int, Span]:
    """When each lane's new hints are best sent.

    Permits come one by one, so that of hints that come all at once the later ones would be refused, and so would those that
    come beside the ones that are still under way; where there are plenty of permits, hints that come together cost less.
    Where permits come only later, hints are spread over all of the time.
    """
    wants = list(wants)
    work: dict[str, int] = defaultdict(int)
    hinted: dict[str, int] = defaultdict(int)
    free: dict[str, int] = {}
    for want in wants:
        for limit, room in _limits(want):
            work[limit] += want.work
            hinted[limit] += want.hinted
            free[limit] = min(room, free.get(limit, room))
    asked = {limit: work[limit] / max(room, 1) for limit, room in free.items()}
    found: dict[int, Span] = {}
    for want in wants:
        limit = max((limit for limit, _ in _limits(want)), key=asked.__getitem__)
        end = min(1.0, asked[limit]) if want.even else 1.0
        found[want.lane] = Span(limit, end * hinted[limit] / max(work[limit], 1), end)
    return found


def _limits(want: LaneWant) -> Sequence[tuple[str, int]]:
    return (*want.rooms, (f"of lane {want.lane}", want.room))


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
    return max(0, min(lane.due, lane.room - lane.fresh, _BEHIND * lane.room - lane.hinted))


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
