"""One sandbox for the session, made honest again after each test."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from .running import Box

COUNT = itertools.count(1)
HONEST = {"search_lag": 0, "processing_delay": 0.05, "key_retention": 86400, "latency": 0}


@pytest.fixture(scope="session")
def running(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Box]:
    box = Box(tmp_path_factory.mktemp("sandbox") / "journal.jsonl")
    box.start()
    yield box
    assert box.end() == 0


@pytest.fixture
def box(running: Box) -> Iterator[Box]:
    running.order("/config", **HONEST)
    yield running
    running.order("/reset")


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Box]:
    """A sandbox of the test's own, to be killed."""
    box = Box(tmp_path / "journal.jsonl")
    box.start("--seed", "7")
    yield box
    box.end()


@pytest.fixture
def business() -> str:
    """A business key that no other test uses."""
    return f"order:{next(COUNT)}:payment"
