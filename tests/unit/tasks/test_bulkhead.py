"""What waits for a thread: who is next, whom somebody's calls do not keep out, and what is given back."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import pytest

from tasks.bulkhead import Bulkhead, Lane

ACME, OTHER, THIRD = ("stripe", "acme"), ("stripe", "other"), ("postmark", "acme")


@dataclass
class Job:
    id: str
    lane: Lane | None = ACME
    begun: bool = False
    returns: bool = True
    shares: bool = False
    task: Any = None
    request: Mapping[str, Any] = field(default_factory=dict)

    def run(self) -> None:
        raise AssertionError("nobody runs it here")


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def waiting(clock: Clock) -> Bulkhead:
    return Bulkhead(8, clock)


def put(waiting: Bulkhead, lane: Lane | None, count: int, name: str = "job", **more: Any) -> None:
    waiting.put([Job(f"{name}-{number}", lane, **more) for number in range(count)])


def taken(waiting: Bulkhead, holders: list[Lane | None]) -> list[Lane | None]:
    """Whose jobs are begun, one after the other, until nothing more may be; none of them ends."""
    begun: list[Lane | None] = []
    while (job := waiting.take([*holders, *begun])) is not None:
        begun.append(job.lane)
    return begun


def aged(waiting: Bulkhead, clock: Clock, holders: list[Lane | None], *, mixed: bool = True) -> None:
    """What is there has waited for long; with others, or alone in the last minute."""
    if mixed:
        put(waiting, THIRD, 1, "before")
        put(waiting, ACME, 1, "before")
        assert [waiting.take([]), waiting.take([])].count(None) == 0
    put(waiting, ACME, 10)
    assert taken(waiting, holders) == []
    clock.now += 1.1


def names(jobs: list[Any]) -> list[str]:
    return [job.id for job in jobs]


def test_whoever_is_alone_may_have_every_slot_and_no_more(waiting: Bulkhead) -> None:
    put(waiting, ACME, 20)
    assert taken(waiting, []) == [ACME] * 8


def test_while_slots_are_free_they_are_had_in_the_order_of_arrival(waiting: Bulkhead) -> None:
    put(waiting, ACME, 1, "first")
    put(waiting, OTHER, 1, "second")
    put(waiting, None, 1, "third")
    assert names([waiting.take([]) for _ in range(3)]) == ["first-0", "second-0", "third-0"]
    assert waiting.take([]) is None


def test_what_found_no_slot_comes_before_what_came_later(waiting: Bulkhead) -> None:
    put(waiting, ACME, 1, "kept")
    assert waiting.take([ACME] * 8) is None
    put(waiting, ACME, 1, "later")
    assert names([waiting.take([ACME] * 7), waiting.take([ACME] * 7)]) == ["kept-0", "later-0"]


def test_what_was_taken_already_comes_before_all_whoever_looks_meanwhile(waiting: Bulkhead) -> None:
    put(waiting, ACME, 2, "kept")
    assert waiting.take([ACME] * 8) is None
    waiting.put_first([Job("begun-0", ACME, begun=True), Job("begun-1", ACME, begun=True)])
    assert waiting.put_aside([ACME] * 8) == 0
    assert waiting.take([ACME] * 8) is None
    assert names([waiting.take([ACME] * 7) for _ in range(3)]) == ["begun-0", "begun-1", "kept-0"]


def test_a_tenant_who_holds_every_slot_keeps_nobody_else_out(waiting: Bulkhead) -> None:
    put(waiting, ACME, 20)
    put(waiting, OTHER, 20)
    put(waiting, THIRD, 20)
    assert waiting.most == 10
    assert taken(waiting, [ACME] * 8) == [OTHER, THIRD]  # one each, for the next one needs room too


def test_several_who_hold_every_slot_keep_nobody_out_either(waiting: Bulkhead) -> None:
    put(waiting, ACME, 20)
    put(waiting, OTHER, 20)
    put(waiting, THIRD, 1)
    assert taken(waiting, [ACME] * 4 + [OTHER] * 4) == [THIRD]


def test_a_provider_that_hangs_for_all_its_tenants_keeps_no_other_out() -> None:
    waiting = Bulkhead(32)
    for number in range(60):
        put(waiting, ("stripe", f"t{number}"), 2)
    put(waiting, THIRD, 4)
    begun = taken(waiting, [])
    assert len(begun) == 36 + begun.count(THIRD)
    assert begun.count(THIRD) == 2


@pytest.mark.parametrize("slots", [1, 2, 3, 4, 32])
def test_the_smallest_pool_has_room_for_one_more(slots: int) -> None:
    waiting = Bulkhead(slots)
    put(waiting, OTHER, 1)
    assert taken(waiting, [ACME] * slots) == [OTHER]


def test_what_is_no_call_to_a_provider_has_the_slots_and_no_thread_more(waiting: Bulkhead) -> None:
    put(waiting, None, 20)
    assert taken(waiting, []) == [None] * 8


def test_who_looks_hears_how_many_may_begin(waiting: Bulkhead) -> None:
    put(waiting, ACME, 3)
    put(waiting, OTHER, 2)
    assert waiting.put_aside([ACME] * 7) == 5
    assert waiting.put_aside([ACME] * 8) == 2
    assert waiting.new == 2
    assert len(waiting) == 5


def test_what_waits_long_is_given_back_but_for_one_for_two_calls(waiting: Bulkhead, clock: Clock) -> None:
    aged(waiting, clock, [ACME] * 8)
    assert names(waiting.give_back([ACME] * 8)) == [f"job-{number}" for number in range(4, 10)]
    assert waiting.give_back([ACME] * 8) == []
    put(waiting, ACME, 4, "more")
    assert taken(waiting, [ACME] * 8) == []
    clock.now += 0.9
    assert waiting.give_back([ACME] * 8) == []
    clock.now += 0.2
    assert names(waiting.give_back([ACME] * 8)) == [f"more-{number}" for number in range(4)]
    assert names(waiting.clear()) == [f"job-{number}" for number in range(4)]


def test_of_many_lanes_half_as_many_as_slots_stay(waiting: Bulkhead, clock: Clock) -> None:
    holders: list[Lane | None] = [("stripe", f"t{number}") for number in range(8)]
    waiting.put([Job(f"of-{lane[1]}", lane) for lane in holders if lane is not None])
    assert waiting.take([*holders, ACME, ACME]) is None
    clock.now += 1.1
    assert names(waiting.give_back([*holders, ACME, ACME])) == ["of-t4", "of-t5", "of-t6", "of-t7"]


def test_what_has_not_waited_long_stays(waiting: Bulkhead, clock: Clock) -> None:
    aged(waiting, clock, [ACME] * 8)
    clock.now -= 0.2
    assert waiting.give_back([ACME] * 8) == []


def test_nothing_is_given_back_once_slots_are_free(waiting: Bulkhead, clock: Clock) -> None:
    aged(waiting, clock, [ACME] * 8)
    assert waiting.give_back([ACME] * 7) == []
    assert len(waiting) == 10


def test_a_pool_with_few_slots_gives_nothing_back(clock: Clock) -> None:
    waiting = Bulkhead(3, clock)
    aged(waiting, clock, [ACME] * 3)
    assert waiting.give_back([ACME] * 3) == []


def test_beside_others_eight_times_as_many_are_given_back_in_a_second_as_by_who_is_alone(clock: Clock) -> None:
    def given_back(*, mixed: bool) -> int:
        waiting, count = Bulkhead(4, clock), 0
        aged(waiting, clock, [ACME] * 4, mixed=mixed)
        put(waiting, ACME, 90, "many")
        assert taken(waiting, [ACME] * 4) == []
        clock.now += 1.1
        for _ in range(100):
            count += len(waiting.give_back([ACME] * 4))
            clock.now += 0.01
        return count

    assert 4 <= given_back(mixed=False) <= 8
    assert 40 <= given_back(mixed=True) <= 64


def test_who_has_nothing_under_way_gives_back_all(waiting: Bulkhead, clock: Clock) -> None:
    put(waiting, ACME, 3)
    put(waiting, THIRD, 3)
    holders: list[Lane | None] = [ACME, OTHER] * 5  # not even the reserve is free
    assert taken(waiting, holders) == []
    clock.now += 1.1
    assert [job.lane for job in waiting.give_back(holders)] == [THIRD] * 3


def test_what_is_claimed_is_given_back_in_any_case_and_what_has_no_row_in_none(waiting: Bulkhead, clock: Clock) -> None:
    put(waiting, ACME, 1, "elsewhere", returns=False)
    put(waiting, ACME, 5, "begun", begun=True)
    put(waiting, ACME, 5, "hint")
    assert taken(waiting, [ACME] * 8) == []
    clock.now += 1.1
    given = names(waiting.give_back([ACME] * 8))
    assert given == [*(f"begun-{number}" for number in range(5)), "hint-4"]
    assert names(waiting.clear()) == ["elsewhere-0", *(f"hint-{number}" for number in range(4))]
