"""What admission has for the lanes that want something, and what a sweep makes of it: how many, how fast, and why not."""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator
from itertools import zip_longest
from typing import TypeVar

from config.errors import ConfigError
from ledger import due
from ledger.due import Backlog, Hint
from ledger.lanes import LOCAL, SPARE
from ledger.session import Connection
from resilience import pacing
from resilience.breaker import BreakerState
from resilience.forecast import Forecast
from resilience.pacing import LaneView, LaneWant, Span, Turns, divide
from resilience.traffic import Lane
from tasks.platform import Platform

One = TypeVar("One")


def looked_at(busy: list[Backlog], turns: Turns, *, most: int) -> list[Backlog]:
    """The lanes whose turn it is; and those with hints on their way, which use up what others share with them.

    Args:
        busy: all that have operations which are not ended.
        turns: of the lanes that want something.
        most: where there are more lanes than this, those that want nothing and are held by nothing are left out.
    """
    wanted = busy
    if len(busy) > most:
        wanted = [lane for lane in busy if lane.due or lane.hinted or lane.held_by]
    lanes = turns.take(wanted, lambda lane: lane.lane_id)
    taken = {lane.lane_id for lane in lanes}
    return lanes + [lane for lane in busy if lane.fresh and lane.lane_id not in taken]


def forecasts(here: Platform, lanes: list[Backlog], *, horizon: float) -> dict[int, Forecast]:
    """What each lane would be granted in so many seconds; none for a provider of a newer version."""
    known = [lane for lane in lanes if lane.provider in here.registry.providers]
    asked = [
        (Lane(lane.provider, lane.tenant, lane.kind, lane.priority == SPARE), _cost(here, lane.kind)) for lane in known
    ]
    answers = here.admission.forecasts(asked, horizon=horizon) if asked else []
    return dict(zip((lane.lane_id for lane in known), answers, strict=True))


def views(lanes: list[Backlog], forecasts: dict[int, Forecast]) -> list[LaneView]:
    """The lanes that may be hinted at, each with what admission has for it.

    Hints older than a moment lie in a queue that nobody reads, or died with their worker: they use up no permits soon.
    """
    rooms = _rooms([lane for lane in lanes if not lane.paused], forecasts)
    return [
        LaneView(lane.lane_id, lane.queue, lane.tenant, lane.due, lane.hinted, lane.fresh, rooms.get(lane.lane_id))
        for lane in lanes
        # not what a person holds back, nor a provider of a newer version
        if not lane.paused and (lane.lane_id in forecasts or lane.provider == LOCAL)
    ]


def _rooms(lanes: list[Backlog], forecasts: dict[int, Forecast]) -> dict[int, int]:
    """Permits for each lane that something limits."""
    wants = []
    for lane in sorted(lanes, key=lambda one: not one.fresh):  # first those whose hints will ask for it soon
        forecast = forecasts.get(lane.lane_id)
        if forecast is not None and forecast.room is not None:
            room = forecast.room if forecast.breaker is BreakerState.CLOSED else 0
            wants.append(LaneWant(lane.lane_id, lane.due + lane.fresh, room, forecast.rooms))
    return divide(wants)


def paces(forecast: Forecast | None) -> bool:
    """Whether anything limits the lane."""
    return forecast is not None and forecast.room is not None


def spread(
    hints: Iterable[Hint], lanes: list[Backlog], forecasts: dict[int, Forecast], counts: dict[int, int]
) -> Iterator[tuple[float, Hint]]:
    """Each hint, with the share of the forecasts' time after which it is best sent.

    Args:
        hints: of lanes that something limits.
        lanes: all that were looked at.
        forecasts: of these.
        counts: how many new hints each lane has.
    """
    wants = []
    for lane in lanes:
        forecast, count = forecasts.get(lane.lane_id), counts.get(lane.lane_id, 0)
        if forecast is not None and forecast.room is not None and count + lane.fresh:
            wants.append(_crowd(lane, forecast, count))
    spans = pacing.spans(wants)
    together: dict[Span, list[Hint]] = defaultdict(list)
    for one in hints:
        together[spans[one.lane_id]].append(one)
    # Lanes that are scarce for reasons of their own may share a wide limit: not all of them begin at the same moment.
    for number, (span, those) in enumerate(_shuffled(together.items())):
        for at, one in enumerate(_mixed(those)):
            yield span.begin + (span.end - span.begin) * (at + (number + 0.5) / len(together)) / len(those), one


def _mixed(hints: Iterable[Hint]) -> list[Hint]:
    """Lanes by turns, in another order each time: the last of a tick meet the first of the next, and may be refused."""
    lanes: dict[int, list[Hint]] = defaultdict(list)
    for one in hints:
        lanes[one.lane_id].append(one)
    return [one for row in zip_longest(*_shuffled(lanes.values())) for one in row if one is not None]


def _shuffled(ones: Iterable[One]) -> list[One]:
    return random.sample(found := list(ones), len(found))


def _crowd(lane: Backlog, forecast: Forecast, count: int) -> LaneWant:
    """What it asks of the seats that are free: that each serves several calls in turn is no reason for haste."""
    rooms = tuple((key, forecast.at_once(key, room)) for key, room in forecast.rooms)
    room = min((room for _, room in rooms), default=forecast.room or 0)
    return LaneWant(lane.lane_id, count + lane.fresh, room, rooms, even=forecast.even, hinted=lane.fresh)


def passed_over(lanes: list[Backlog], forecasts: dict[int, Forecast], counts: dict[int, int]) -> set[int]:
    """The lanes that nothing held back but that others came first: their turn is yet to come."""

    def free(lane: Backlog) -> bool:
        forecast = forecasts.get(lane.lane_id)
        if forecast is None:
            return lane.provider == LOCAL
        return forecast.breaker is BreakerState.CLOSED and (forecast.room is None or forecast.room > lane.fresh)

    return {
        lane.lane_id for lane in lanes if lane.due and lane.lane_id not in counts and not lane.paused and free(lane)
    }


def hold(
    connection: Connection,
    lanes: list[Backlog],
    forecasts: dict[int, Forecast],
    counts: dict[int, int],
    *,
    seconds: float,
) -> None:
    """Note why lanes wait, so that people see it and accepting leaves their hints to the sweep."""
    reasons: dict[int, str] = {}
    for lane in lanes:
        why = _reason(lane, forecasts.get(lane.lane_id), counts.get(lane.lane_id, 0))
        if why or lane.held_by:
            reasons[lane.lane_id] = why
    if reasons:
        due.hold_lanes(connection, reasons, seconds=seconds)


def _reason(lane: Backlog, forecast: Forecast | None, hinted_now: int) -> str:
    if lane.paused:
        return "paused"
    if forecast is not None and forecast.breaker is not BreakerState.CLOSED:
        return "breaker"
    if lane.due <= hinted_now:
        return ""
    return "rate" if forecast is not None and forecast.room is not None else "window"


def _cost(here: Platform, kind: str) -> float:
    try:
        return here.registry.kind(kind).section.cost
    except ConfigError:
        return 1.0
