"""Which lanes a sweep looks at, in what order their hints go, and over what time."""

from dataclasses import replace
from typing import Any

import pytest

from ledger.due import Backlog, Hint
from resilience.breaker import BreakerState
from resilience.forecast import Forecast
from resilience.pacing import Turns, share
from tasks import outlook


def lane(number: int, **more: Any) -> Backlog:
    about = {"due": 0, "hinted": 0, "fresh": 0, "oldest": None, "paused": False, "held_by": None} | more
    return Backlog(number, "stripe", f"t{number}", "stripe", "stripe.take_payment", 0, "pay", **about)


def granted(room: int | None, **rooms: int) -> Forecast:
    return Forecast(BreakerState.CLOSED, 0.0, probing=False, room=room, rooms=tuple(rooms.items()))


def numbers(lanes: list[Backlog]) -> list[int]:
    return [one.lane_id for one in lanes]


def test_of_many_lanes_those_are_looked_at_that_want_something() -> None:
    busy = [lane(1), lane(2, due=1), lane(3, hinted=1), lane(4, held_by="rate")]
    assert numbers(outlook.looked_at(busy, Turns(9), most=3)) == [2, 3, 4]
    assert numbers(outlook.looked_at(busy, Turns(9), most=4)) == [1, 2, 3, 4]


def test_lanes_whose_hints_are_on_their_way_are_looked_at_out_of_turn_for_what_they_use_up() -> None:
    busy, turns, seen = [lane(1, due=5), lane(2, due=5), lane(3, due=5, hinted=2, fresh=2)], Turns(1), []
    for _ in range(3):
        looked = outlook.looked_at(busy, turns, most=1)
        turns.end(())
        seen.append(numbers(looked))
    assert seen == [[1, 3], [2, 3], [3]]


def test_hints_that_died_with_their_worker_do_not_use_up_what_their_lane_is_granted() -> None:
    dead, live = lane(1, due=9, hinted=8), lane(2, due=9, hinted=8, fresh=3)
    views = outlook.views([dead, live], {1: granted(10, own=10), 2: granted(10, other=10)})
    assert share(views, window=1000, hinted={}) == {1: 9, 2: 7}
    assert outlook.passed_over([dead], {1: granted(5)}, {}) == {1}


def hints(*lanes: int, each: int) -> list[Hint]:
    return [Hint(f"{one}{at}", "pay", "stripe", 0, f"t{one}", "stripe", one) for one in lanes for at in range(each)]


def ends(lanes: list[Backlog], forecasts: dict[int, Forecast], counts: dict[int, int]) -> dict[str, float]:
    """Of each lane, in which share of the time its hints lie: with many of them, the last is near its end."""
    found: dict[str, float] = {}
    given = [one for lane, count in counts.items() for one in hints(lane, each=1000) if count]
    for at, one in outlook.spread(given, lanes, forecasts, counts):
        found[one.tenant] = round(max(at, found.get(one.tenant, 0.0)), 2)
    return found


def test_hints_of_lanes_that_share_a_limit_go_by_turns() -> None:
    lanes, forecasts = [lane(1), lane(2), lane(3)], dict.fromkeys((1, 2, 3), granted(9, all=9))
    spread = list(outlook.spread(hints(1, 2, 3, each=3), lanes, forecasts, {1: 3, 2: 3, 3: 3}))
    mixed = [one.ticket_id for _, one in spread]
    rows = [mixed[at : at + 3] for at in (0, 3, 6)]
    assert [sorted(row) for row in rows] == [["10", "20", "30"], ["11", "21", "31"], ["12", "22", "32"]]
    assert [at for at, _ in spread] == pytest.approx([(number + 0.5) / 9 for number in range(9)])


def test_lanes_that_are_scarce_each_for_itself_do_not_all_begin_at_the_same_moment() -> None:
    """Each has its own narrow limit, and one that is wide is for all: together they would be refused by that."""
    lanes = [lane(number) for number in range(24)]
    forecasts = {number: granted(2, **{f"own-{number}": 2}, all=72) for number in range(24)}
    spread = outlook.spread(hints(*range(24), each=1), lanes, forecasts, dict.fromkeys(range(24), 1))
    times = sorted(at for at, _ in spread)
    assert times == pytest.approx([0.5 * (number + 0.5) / 24 for number in range(24)])


def test_hints_are_spread_by_what_all_lanes_ask_of_the_limits_that_they_share() -> None:
    lanes = [lane(1, fresh=5), lane(2), lane(3), lane(4, fresh=9)]
    forecasts = {
        1: granted(100, tenant=100, all=50),
        2: granted(100, other=100, all=50),
        3: granted(None),
        4: granted(10, own=10),
    }
    assert ends(lanes, forecasts, {1: 10, 2: 15, 4: 1}) == {"t1": 0.6, "t2": 0.6, "t4": 1.0}
    assert [at for at, _ in outlook.spread(hints(4, each=1), lanes, forecasts, {4: 1})] == pytest.approx([0.95])


def test_as_many_hints_are_sent_in_each_part_of_the_time_as_there_are_permits_for() -> None:
    """Ticks come twice as often as the time lasts that they hint for, so each must reckon with the one before."""
    rate, sent = 14, [0.0]
    for tick in range(20):
        now = tick / 2
        fresh = sum(at > now for at in sent)
        new = rate - fresh
        asked = outlook.spread(hints(1, each=new), [lane(1, fresh=fresh)], {1: granted(rate, own=rate)}, {1: new})
        sent += [now + at for at, _ in asked]
    each = [sum(part / 2 < at <= (part + 1) / 2 for at in sent) for part in range(18)]
    assert set(each) == {rate / 2}


def test_a_seat_that_serves_one_call_after_another_is_one_seat_for_hints_that_come_together() -> None:
    free = replace(granted(40, seats=40, all=100), seats={"seats": 10.0})
    assert ends([lane(1)], {1: free}, {1: 5}) == {"t1": 0.5}
    taken = replace(granted(32, seats=32, all=100), seats={"seats": 10.0})  # eight of the ten
    assert ends([lane(1)], {1: taken}, {1: 1}) == {"t1": 0.5}


def test_hints_of_a_lane_that_must_wait_first_are_spread_over_all_of_the_time() -> None:
    assert ends([lane(1)], {1: replace(granted(40, all=40), even=False)}, {1: 2}) == {"t1": 1.0}
