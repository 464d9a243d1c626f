"""Which lanes a sweep looks at, in what order their hints go, and over what time."""

from dataclasses import replace
from typing import Any

from ledger.due import Backlog, Hint
from resilience.breaker import BreakerState
from resilience.forecast import Forecast
from resilience.pacing import Turns
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


def test_hints_of_several_lanes_go_by_turns() -> None:
    hints = [Hint(f"{who}{at}", "pay", "stripe", 0, who, "stripe") for who in "abc" for at in range(3)]
    mixed = [one.ticket_id for one in outlook.mixed(hints)]
    rows = [mixed[at : at + 3] for at in (0, 3, 6)]
    assert [sorted(row) for row in rows] == [["a0", "b0", "c0"], ["a1", "b1", "c1"], ["a2", "b2", "c2"]]


def test_a_providers_hints_are_spread_by_what_all_its_lanes_ask_of_their_limits() -> None:
    lanes = [lane(1, hinted=5), lane(2), lane(3), lane(4, hinted=9)]
    forecasts = {
        1: granted(100, tenant=100, all=50),
        2: granted(100, other=100, all=50),
        3: granted(None),
        4: granted(10, own=10),
    }
    assert outlook.crowded(lanes[:3], forecasts, {1: 10, 2: 15, 3: 99}) == {"stripe": 0.6}
    assert outlook.crowded(lanes, forecasts, {1: 10, 2: 15, 4: 1}) == {"stripe": 1.0}
    assert outlook.crowded(lanes[2:3], forecasts, {3: 99}) == {}


def test_a_seat_that_serves_one_call_after_another_is_one_seat_for_hints_that_come_together() -> None:
    free = replace(granted(40, seats=40, all=100), seats={"seats": 10.0})
    assert outlook.crowded([lane(1)], {1: free}, {1: 5}) == {"stripe": 0.5}
    taken = replace(granted(32, seats=32, all=100), seats={"seats": 10.0})  # eight of the ten
    assert outlook.crowded([lane(1)], {1: taken}, {1: 1}) == {"stripe": 0.5}


def test_hints_of_a_lane_that_must_wait_first_are_spread_over_all_of_the_time() -> None:
    assert outlook.crowded([lane(1)], {1: replace(granted(40, all=40), even=False)}, {1: 2}) == {"stripe": 1.0}
