"""A client that is told how much may be open waits while it is, and asks for the rest once there is room."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from itertools import islice
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
from given.deployment import eventually
from given.history import TERMS

from soak import client
from soak.client import Client
from soak.wishes import MIX, Wish, wanted

COUNT, ROOM = 300, 20
MOST = ROOM + client._THREADS * client._BATCH  # each of its threads may have looked right before the others asked
MADE = {kind: share for kind, share in MIX.items() if kind in {one.name for one in TERMS.kinds}}


class Subject:
    """One that takes everything, and ends it when it is told to."""

    UNSURE = ()

    def __init__(self) -> None:
        self.taken: set[str] = set()
        self.ends = threading.Event()
        self.looked_in_vain = 0

    def ask(self, wishes: Sequence[Wish]) -> list[str]:
        self.taken.update(wish.name for wish in wishes)
        return [wish.name for wish in wishes]

    def states(self, _: str) -> Callable[[], Counter[str]]:
        def look() -> Counter[str]:
            taken = len(self.taken)
            self.looked_in_vain += taken >= ROOM and not self.ends.is_set()
            return Counter({"succeeded" if self.ends.is_set() else "waiting": taken})

        return look


@pytest.fixture
def subject(monkeypatch: pytest.MonkeyPatch) -> Subject:
    monkeypatch.setattr(client, "_LOOK", 0.0)  # before each batch
    monkeypatch.setenv("SOAK_DATABASE_URL", "nowhere")
    return Subject()


@pytest.mark.parametrize("room", [ROOM, 0])
def test_no_more_is_open_than_there_is_room_for(subject: Subject, tmp_path: Path, room: int) -> None:
    parts = SimpleNamespace(ask=subject.ask, states=subject.states, UNSURE=subject.UNSURE)
    one = Client(cast("Any", parts), TERMS, tmp_path / "asked.jsonl", pace=1e6, room=room)
    wishes = islice(wanted(7, ("acme",), MADE), COUNT)
    asking = threading.Thread(target=one.ask_for, args=(wishes,))
    asking.start()
    if room:
        eventually(lambda: subject.looked_in_vain > 3)
        assert ROOM <= len(subject.taken) <= MOST
        subject.ends.set()
    asking.join()
    assert one.trouble is None
    assert len(subject.taken) == COUNT
