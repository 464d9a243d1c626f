"""Outcomes that wait for company: how long, and for whose. What is written, and how, is proven where there is a ledger."""

import threading
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from given.deployment import eventually
from psycopg.errors import LockNotAvailable
from structlog.testing import capture_logs

import tasks.held
import tasks.writer
from tasks.held import MOST, Held

NOTHING: Any = SimpleNamespace(entry=None, permit=None)


class Shelf:
    """Outcomes that are held, by a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.held = Held(clock=lambda: self.now)
        self.woken = 0
        self.held.open(self.wake)

    def wake(self) -> None:
        self.woken += 1

    def add(self, *, after: float) -> None:
        self.now += after
        self.held.add(NOTHING, NOTHING)
        self.held.write_what_is_due()


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many were written each time."""
    sizes: list[int] = []
    told_of(monkeypatch, [])
    monkeypatch.setattr(tasks.writer, "record_successes", lambda _, entries: sizes.append(len(entries)))
    return sizes


def told_of(monkeypatch: pytest.MonkeyPatch, sizes: list[int]) -> None:
    """Notes of how many successes the breaker is told each time."""
    admission = SimpleNamespace(report_all=lambda permits, _: sizes.append(len(permits)))
    for module in (tasks.held, tasks.writer):
        monkeypatch.setattr(module, "platform", lambda: SimpleNamespace(admission=admission, ledger=None))


@pytest.fixture
def told(written: list[int], monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """Of how many successes the breaker was told each time."""
    del written  # its admission is replaced
    sizes: list[int] = []
    told_of(monkeypatch, sizes)
    return sizes


def test_the_breaker_is_told_of_many_at_a_time(told: list[int]) -> None:
    shelf = Shelf()
    for _ in range(17 * MOST):
        shelf.add(after=0.001)
    assert told == [MOST, 64, 64]


def test_the_breaker_is_told_at_once_of_what_comes_seldom(told: list[int]) -> None:
    shelf = Shelf()
    for _ in range(2):
        shelf.add(after=0.05)
    assert told == [1, 1]


def test_the_breaker_is_told_soon_of_what_is_written_already(told: list[int]) -> None:
    shelf = Shelf()
    for _ in range(2 * MOST):
        shelf.add(after=0.001)
    shelf.now += 0.08
    shelf.held.write_elsewhere(older_than=0.02)
    assert told == [MOST]
    assert shelf.held  # whoever looks goes on looking
    shelf.now += 0.02
    shelf.held.write_elsewhere(older_than=0.02)
    assert not shelf.held
    shelf.held.close()
    assert told == [MOST, MOST]


def test_the_breaker_is_told_of_what_comes_when_a_worker_has_ended(told: list[int]) -> None:
    shelf = Shelf()
    shelf.held.close()
    for _ in range(2):
        shelf.now += 0.001
        shelf.held.add(NOTHING, NOTHING)
    assert told == [1, 1]


def test_who_looks_while_something_is_taken_to_be_written_sees_that_it_is_to_be_told_of(told: list[int]) -> None:
    del told
    held, seen = Held(), list[bool]()
    looks = threading.Thread(target=lambda: seen.append(bool(held)))

    class Taken:
        since = 0.0

        @property
        def permit(self) -> None:
            """Read when it waits no more, and before it is noted as untold."""
            looks.start()
            looks.join(0.2)  # it must not come to an answer here; that it does not is all that can be waited for

    held._waiting.append(cast("Any", Taken()))
    held._taken(1)
    looks.join()
    assert seen == [True]


def test_the_breaker_is_told_before_a_worker_ends(told: list[int]) -> None:
    shelf = Shelf()
    for _ in range(2 * MOST + 1):
        shelf.add(after=0.001)
    assert told == [MOST]
    shelf.held.close()
    assert told == [MOST, MOST + 1]


def test_those_that_come_one_upon_another_are_written_together(written: list[int]) -> None:
    shelf = Shelf()
    for _ in range(2 * MOST):
        shelf.add(after=0.001)
    assert written == [MOST, MOST]


def test_those_that_come_seldom_are_written_at_once(written: list[int]) -> None:
    shelf = Shelf()
    for _ in range(3):
        shelf.add(after=0.05)
    assert written == [1, 1, 1]
    assert not shelf.held


def test_what_waits_is_written_with_the_first_that_comes_late(written: list[int]) -> None:
    shelf = Shelf()
    shelf.add(after=0.001)
    shelf.add(after=0.001)
    assert written == []
    shelf.add(after=0.05)
    assert written == [3]


def test_what_is_old_is_written_by_whoever_looks(written: list[int]) -> None:
    shelf = Shelf()
    shelf.add(after=0.001)
    shelf.held.write_elsewhere(older_than=0.02)
    assert written == []
    shelf.now += 0.03
    shelf.held.write_elsewhere(older_than=0.02)
    shelf.held.close()
    assert written == [1]


def test_whoever_looks_is_woken_by_what_comes_from_any_thread_and_by_nothing_once_nobody_does(
    written: list[int],
) -> None:
    shelf = Shelf()
    shelf.held.add(NOTHING, NOTHING)
    assert (shelf.woken, written) == (1, [])
    shelf.held.close()
    assert written == [1]
    shelf.held.add(NOTHING, NOTHING)
    assert (shelf.woken, written) == (1, [1, 1])


@pytest.fixture
def locked(monkeypatch: pytest.MonkeyPatch) -> tuple[set[str], list[str]]:
    """The names of rows that somebody has locked, and of those that were written."""
    names, done = set[str](), list[str]()

    def record(_ledger: Any, entries: Sequence[Any]) -> None:
        if names & set(entries):
            raise LockNotAvailable
        done.extend(entries)

    told_of(monkeypatch, [])
    monkeypatch.setattr(tasks.writer, "record_successes", record)
    monkeypatch.setattr(tasks.writer, "_AGAIN", 0.01)
    return names, done


def test_rows_that_somebody_has_locked_hold_up_no_other(locked: tuple[set[str], list[str]]) -> None:
    names, done = locked
    held = Held()
    held.open(lambda: None)
    names.update(f"locked-{number}" for number in range(9))
    for name in (*sorted(names), *(f"free-{number}" for number in range(40))):
        held.add(cast("Any", name), NOTHING)
        held.write_elsewhere(older_than=0.0)
    eventually(lambda: len(done) == 40)
    assert not any(name.startswith("locked") for name in done)
    names.clear()
    eventually(lambda: len(done) == 49)
    held.close()
    assert len(set(done)) == 49


def test_a_worker_that_ends_tries_once_more_and_says_what_it_leaves(locked: tuple[set[str], list[str]]) -> None:
    names, done = locked
    held = Held()
    held.open(lambda: None)
    names.add("locked")
    for name in ("one", "locked", "another"):
        held.add(cast("Any", name), NOTHING)
    with capture_logs() as said:
        held.write()
        held.close()
    assert done == ["one", "another"]
    assert [line["count"] for line in said] == [1]


def test_before_something_else_is_said_what_went_well_is(monkeypatch: pytest.MonkeyPatch, written: list[int]) -> None:
    order: list[str] = []
    monkeypatch.setattr(tasks.held, "_tell", lambda permits: order.append("reported") if permits else None)
    monkeypatch.setattr(tasks.held, "write", lambda _: order.append("written") or [])
    shelf = Shelf()
    shelf.held.add(NOTHING, NOTHING)
    shelf.held.report()
    assert order[0] == "reported"
    shelf.held.close()
    assert order == ["reported", "written"]
    assert written == []
