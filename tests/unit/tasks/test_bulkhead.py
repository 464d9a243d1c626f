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


def test_whoever_is_alone_may_have_every_slot_and_no_more(waiting: Bulkhead) -> None:
    put(waiting, ACME, 20)
    assert taken(waiting, []) == [ACME] * 8


def test_while_slots_are_free_they_are_had_in_the_order_of_arrival(waiting: Bulkhead) -> None:
    put(waiting, ACME, 1, "first")
    put(waiting, OTHER, 1, "second")
    put(waiting, None, 1, "third")
    assert [waiting.take([]).id for _ in range(3)] == ["first-0", "second-0", "third-0"]  # type: ignore[union-attr]
    assert waiting.take([]) is None


def test_what_found_no_slot_comes_before_what_came_later(waiting: Bulkhead) -> None:
    put(waiting, ACME, 1, "kept")
    assert waiting.take([ACME] * 8) is None
    put(waiting, ACME, 1, "later")
    assert waiting.take([ACME] * 7).id == "kept-0"  # type: ignore[union-attr]


def test_what_is_claimed_already_comes_before_all(waiting: Bulkhead) -> None:
    put(waiting, ACME, 1, "kept")
    assert waiting.take([ACME] * 8) is None
    waiting.put_first([Job("begun", ACME, begun=True)])
    assert waiting.take([ACME] * 7).id == "begun"  # type: ignore[union-attr]


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


@pytest.mark.parametrize("slots", [1, 2, 3, 4, 32])
def test_the_smallest_pool_has_room_for_one_more(slots: int, clock: Clock) -> None:
    waiting = Bulkhead(slots, clock)
    put(waiting, OTHER, 1)
    assert taken(waiting, [ACME] * slots) == [OTHER]


def kept(waiting: Bulkhead, clock: Clock, *, slots: int = 8, others: bool = True) -> None:
    """The slots are taken, and whatever else there is has waited for a long time."""
    if others:
        put(waiting, OTHER, 1, "before")
        put(waiting, ACME, 1, "before")
        assert [waiting.take([]), waiting.take([])].count(None) == 0
    put(waiting, ACME, 10)
    assert taken(waiting, [ACME] * slots) == []
    clock.now += 1.1


def test_what_waits_long_behind_calls_of_its_own_is_given_back_but_one_for_two_of_them(
    waiting: Bulkhead, clock: Clock
) -> None:
    kept(waiting, clock)
    assert [job.id for job in waiting.give_back([ACME] * 8)] == [f"job-{number}" for number in range(4, 10)]
    assert waiting.give_back([ACME] * 8) == []
    put(waiting, ACME, 1, "more")  # as long as these wait, more is given back at once
    assert taken(waiting, [ACME] * 8) == []
    assert [job.id for job in waiting.give_back([ACME] * 8)] == ["more-0"]
    assert [job.id for job in waiting.clear()] == [f"job-{number}" for number in range(4)]


def test_what_has_not_waited_long_stays(waiting: Bulkhead, clock: Clock) -> None:
    kept(waiting, clock)
    clock.now -= 0.2
    assert waiting.give_back([ACME] * 8) == []


def test_nothing_is_given_back_once_slots_are_free(waiting: Bulkhead, clock: Clock) -> None:
    kept(waiting, clock)
    assert waiting.give_back([ACME] * 7) == []
    assert len(waiting) == 10


def test_who_is_alone_gives_nothing_back(waiting: Bulkhead, clock: Clock) -> None:
    kept(waiting, clock, others=False)
    assert waiting.give_back([ACME] * 8) == []


def test_who_was_not_alone_a_minute_ago_is_alone(waiting: Bulkhead, clock: Clock) -> None:
    kept(waiting, clock)
    clock.now += 60
    assert waiting.give_back([ACME] * 8) == []


def test_who_has_nothing_under_way_gives_nothing_back(waiting: Bulkhead, clock: Clock) -> None:
    put(waiting, ACME, 3)
    put(waiting, THIRD, 3)
    holders: list[Lane | None] = [ACME, OTHER] * 5  # not even the reserve is free
    assert taken(waiting, holders) == []
    clock.now += 1.1
    assert [(job.id, job.lane) for job in waiting.give_back(holders)] == [("job-2", ACME)]  # for five calls two stay


def test_what_is_claimed_is_given_back_in_any_case_and_what_cannot_come_again_in_none(
    waiting: Bulkhead, clock: Clock
) -> None:
    put(waiting, OTHER, 1)
    assert waiting.take([]) is not None
    put(waiting, ACME, 1, "begun", begun=True)
    put(waiting, ACME, 6, "probe", returns=False)
    put(waiting, ACME, 1, "hint")
    assert taken(waiting, [ACME] * 8) == []
    clock.now += 1.1
    assert [job.id for job in waiting.give_back([ACME] * 8)] == ["begun-0", "hint-0"]
    assert [job.id for job in waiting.clear()] == [f"probe-{number}" for number in range(6)]
