"""How limits are divided among the lanes behind them."""

from dataclasses import replace

from resilience.pacing import LaneView, LaneWant, Span, Turns, divide, share, spans


def want(lane: int, work: int, **rooms: int) -> LaneWant:
    """A lane behind limits, each with its permits; lanes that name the same limit share it."""
    return LaneWant(lane, work, min(rooms.values()), tuple(rooms.items()))


def test_a_busy_lane_gets_what_its_idle_neighbours_leave() -> None:
    idle = [LaneWant(lane, 1, 25, ((f"own-{lane}", 25), ("tenant", 100))) for lane in range(2, 6)]
    assert divide([want(1, 500, own=25, tenant=100), *idle]) == {1: 25, 2: 1, 3: 1, 4: 1, 5: 1}


def test_lanes_without_work_take_nothing() -> None:
    assert divide([want(1, 500, tenant=25), want(2, 0, tenant=25)]) == {1: 25, 2: 0}


def test_busy_lanes_share_the_limit_that_counts_them_together() -> None:
    assert divide([want(1, 500, pay=25, tenant=30), want(2, 500, refund=25, tenant=30)]) == {1: 15, 2: 15}
    assert divide([want(1, 500, pay=25, tenant=100), want(2, 500, refund=25, tenant=100)]) == {1: 25, 2: 25}


def test_two_lanes_of_one_kind_share_that_kinds_limit() -> None:
    assert divide([want(1, 500, pay=24), want(2, 500, pay=24)]) == {1: 12, 2: 12}


def test_nothing_is_granted_where_nothing_is_free() -> None:
    assert divide([want(1, 500, pay=0), want(2, 9, refund=5, tenant=0)]) == {1: 0, 2: 0}


def test_a_lane_gets_no_more_than_it_would_alone_whatever_its_limits_say() -> None:
    assert divide([LaneWant(1, 500, 0, (("tenant", 25),))]) == {1: 0}


def test_tenants_do_not_share_what_counts_for_each() -> None:
    assert divide([want(1, 500, acme=25), want(2, 500, globex=25)]) == {1: 25, 2: 25}


def test_tenants_behind_one_more_limit_for_all_still_have_each_their_own() -> None:
    lanes = [want(n, 500, **{f"tenant-{n}": 9}, everybody=31) for n in range(4)]
    assert divide(lanes) == {0: 7, 1: 8, 2: 8, 3: 8}
    assert divide([lane for lane in lanes if lane.lane < 2]) == {0: 9, 1: 9}


def test_where_there_is_less_than_one_for_each_the_first_get_one() -> None:
    lanes = [LaneView(lane, "q", f"t{lane}", due=9 - lane, hinted=0, fresh=0, room=None) for lane in range(5)]
    assert share(lanes, window=3, hinted={}) == {0: 1, 1: 1, 2: 1}
    assert share(lanes, window=3, hinted={"q": 3}) == {}
    assert divide([want(lane, 5, shared=2) for lane in (7, 8, 9)]) == {7: 1, 8: 1, 9: 0}


def test_hints_are_spread_as_far_as_the_scarcest_limit_is_used_up() -> None:
    assert spans([want(1, 25, own=25, tenant=100)]) == {1: Span("own", 0.0, 1.0)}
    both = [want(1, 25, own=100, tenant=50), want(2, 15, other=100, tenant=50)]
    assert spans(both) == {1: Span("tenant", 0.0, 0.8), 2: Span("tenant", 0.0, 0.8)}
    assert spans([want(1, 250, own=1_000_000)]) == {1: Span("own", 0.0, 0.00025)}
    assert spans([want(1, 3, own=0)])[1].end == 1.0  # what was granted a moment ago is used up
    assert spans([LaneWant(1, 5, 50, even=False)])[1].end == 1.0  # they come only towards the end of the time
    assert spans([]) == {}


def test_who_has_room_of_its_own_does_not_wait_for_those_who_have_little() -> None:
    found = spans([want(1, 25, acme=25, everybody=1000), want(2, 1, globex=25, everybody=1000)])
    assert found == {1: Span("acme", 0.0, 1.0), 2: Span("globex", 0.0, 0.04)}


def test_new_hints_come_after_those_that_are_under_way() -> None:
    under_way, free = replace(want(1, 20, tenant=40), hinted=15), want(2, 10, tenant=40)
    assert spans([under_way, free]) == dict.fromkeys((1, 2), Span("tenant", 0.375, 0.75))


def test_who_had_a_turn_comes_after_who_had_none() -> None:
    turns, looked = Turns(2), []
    for _ in range(5):
        looked.append(turns.take([1, 2, 3, 4, 5], int))
        turns.end(passed_over=())
    assert [sorted(each) for each in looked] == [[1, 2], [3, 4], [1, 5], [2, 3], [1, 4]]


def test_who_got_nothing_because_others_came_first_keeps_the_turn() -> None:
    turns = Turns(3)
    assert turns.take([1, 2, 3], int) == [1, 2, 3]
    turns.end(passed_over={2, 3})
    assert turns.take([1, 2, 3], int) == [2, 3, 1]
    turns.end(passed_over={3})
    assert turns.take([4, 1, 3], int) == [3, 4, 1]  # 2 is gone; 4 is new, and 1 was served just now


def served(turns: Turns, lanes: list[int], *, first: int) -> list[int]:
    """One tick that has something for so many; all their work is given out by that."""
    order = turns.take(lanes, int)
    turns.end(passed_over=set(order[first:]), served=order[:first])
    return order[:first]


def test_who_was_refused_gets_the_turn_back_also_after_a_tick_in_which_it_wanted_nothing() -> None:
    turns, lanes = Turns(6), [1, 2, 3, 4, 5, 6]
    assert [served(turns, lanes, first=2) for _ in range(2)] == [[1, 2], [3, 4]]
    turns.again([2, 9])
    assert [served(turns, lanes, first=2) for _ in range(3)] == [[2, 5], [6, 1], [3, 4]]


def test_who_is_always_refused_does_not_come_first_for_ever() -> None:
    turns, lanes, given = Turns(6), [1, 2, 3, 4, 5, 6], dict.fromkeys(range(1, 7), 0)
    for _ in range(60):
        got = served(turns, lanes, first=2)
        for each in got:
            given[each] += 1
        turns.again(set(got) & {1, 2, 3, 4})
    assert min(given[5], given[6]) >= 10  # of 20 each, if all had the same


def test_workers_that_are_slower_than_a_limit_do_not_fill_the_queue_with_one_lanes_hints() -> None:
    behind = [LaneView(1, "q", "t", due=500, hinted=hinted, fresh=0, room=40) for hinted in (0, 100, 120, 500)]
    assert [share([view], window=1000, hinted={}).get(1, 0) for view in behind] == [40, 20, 0, 0]


def test_those_who_are_passed_over_keep_nobody_from_being_looked_at() -> None:
    turns, looked = Turns(2), []
    for _ in range(5):
        looked.append(turns.take([1, 2, 3, 4, 5], int))
        turns.end(passed_over=set(range(1, 6)))
    assert [sorted(each) for each in looked] == [[1, 2], [3, 4], [1, 5], [2, 3], [1, 4]]


def test_who_leaves_and_comes_back_is_new() -> None:
    turns = Turns(9)
    for _ in range(50):
        assert turns.take([7, 1, 2], int)[0] == 7  # 1 and 2 come and go, and use up all there is
        turns.end(passed_over={7})
        turns.take([7], int)
        turns.end(passed_over={7})
