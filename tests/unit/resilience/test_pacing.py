"""How limits are divided among the lanes behind them."""

from resilience.pacing import LaneWant, divide

ACME = ("stripe", "acme")


def want(lane: int, work: int, room: int, shared: int | None, kind: str = "") -> LaneWant:
    return LaneWant(lane, kind or f"kind-{lane}", ACME, work, room, shared)


def test_a_busy_lane_gets_what_its_idle_neighbours_leave() -> None:
    idle = [want(lane, 1, 25, 100) for lane in range(2, 6)]
    assert divide([want(1, 500, 25, 100), *idle]) == {1: 25, 2: 1, 3: 1, 4: 1, 5: 1}


def test_lanes_without_work_take_nothing() -> None:
    assert divide([want(1, 500, 25, 25), want(2, 0, 25, 25)]) == {1: 25, 2: 0}


def test_busy_lanes_share_the_limit_that_counts_them_together() -> None:
    assert divide([want(1, 500, 25, 30), want(2, 500, 25, 30)]) == {1: 15, 2: 15}
    assert divide([want(1, 500, 25, 100), want(2, 500, 25, 100)]) == {1: 25, 2: 25}


def test_two_lanes_of_one_kind_share_that_kinds_limit() -> None:
    assert divide([want(1, 500, 24, None, "pay"), want(2, 500, 24, None, "pay")]) == {1: 12, 2: 12}


def test_nothing_is_granted_where_nothing_is_free() -> None:
    assert divide([want(1, 500, 0, None), want(2, 9, 5, 0)]) == {1: 0, 2: 0}


def test_tenants_do_not_share_what_counts_for_each() -> None:
    other = LaneWant(2, "kind-1", ("stripe", "globex"), 500, 25, 25)
    assert divide([want(1, 500, 25, 25), other]) == {1: 25, 2: 25}
