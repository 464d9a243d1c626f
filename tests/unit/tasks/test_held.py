"""Outcomes that wait for company: how long, and for whose. What is written, and how, is proven where there is a ledger."""

from types import SimpleNamespace
from typing import Any, cast

import pytest

import tasks.held
from tasks.held import MOST, Held

NOTHING: Any = SimpleNamespace(entry=None, permit=None)


class Shelf:
    """Outcomes that are held, by a clock that is set by hand."""

    def __init__(self) -> None:
        self.now = 100.0
        self.held = Held(clock=lambda: self.now)

    def add(self, *, after: float) -> None:
        self.now += after
        self.held.add(NOTHING, NOTHING)
        self.held.write_what_is_due()


@pytest.fixture
def written(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many were written each time."""
    sizes: list[int] = []
    admission = SimpleNamespace(report_all=lambda *_: None)
    monkeypatch.setattr(tasks.held, "platform", lambda: SimpleNamespace(admission=admission))
    monkeypatch.setattr(tasks.held, "_write", lambda entries: sizes.append(len(cast("list[Any]", entries))))
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
    shelf.held.write(older_than=0.02)
    assert written == []
    shelf.now += 0.03
    shelf.held.write(older_than=0.02)
    assert written == [1]
