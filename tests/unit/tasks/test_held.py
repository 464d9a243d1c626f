"""Outcomes that wait for company: how long, and for whose. What is written, and how, is proven where there is a ledger."""

import threading
from collections.abc import Sequence
from types import SimpleNamespace
from typing import Any, cast

import pytest
from psycopg.errors import LockNotAvailable

import tasks.held
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
    admission = SimpleNamespace(report_all=lambda *_: None)
    monkeypatch.setattr(tasks.held, "platform", lambda: SimpleNamespace(admission=admission, ledger=None))
    monkeypatch.setattr(tasks.held, "record_successes", lambda _, entries: sizes.append(len(entries)))
    return sizes


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
    assert not shelf.held
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


def test_who_waits_for_a_locked_row_holds_up_no_other(monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[str] = []
    freed = threading.Event()

    def record(_ledger: Any, entries: Sequence[Any]) -> None:
        if "locked" in entries and not freed.is_set():
            raise LockNotAvailable
        written.extend(entries)

    admission = SimpleNamespace(report_all=lambda *_: None)
    monkeypatch.setattr(tasks.held, "platform", lambda: SimpleNamespace(admission=admission, ledger=None))
    monkeypatch.setattr(tasks.held, "record_successes", record)
    held = Held()
    held.open(lambda: None)
    for name in ("one", "locked", "another"):
        held.add(cast("Any", name), NOTHING)
    held.write()
    assert written == ["one", "another"]
    freed.set()
    held.close()
    assert written == ["one", "another", "locked"]
