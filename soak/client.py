"""The client: asks for what is wanted at a pace, and writes down every word that it is told. A process of its own."""

import argparse
import os
import random
import signal
import threading
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from types import ModuleType

from soak import operations
from soak.checker import terms
from soak.checker.asked import FILE, Answer, Asked
from soak.checker.ledger import ENDS
from soak.checker.terms import Terms
from soak.place import loaded
from soak.wishes import Wish, wanted

_THREADS = 4
_AGAIN = 0.5  # seconds until a client that was not told asks again
_TWICE = 9  # each so many-th is asked for a second time, as a client does who forgot
_BATCHED = 0.4  # of what is asked for comes several at once
_BATCH = 10
_LOOK = 0.5  # seconds between two looks at how much is open


class Client:
    """Asks, from a few threads.

    Args:
        subject: what is asked.
        agreed: tells the business keys.
        log: where the words are written down.
        pace: operations per second.
        room: operations that may be open; 0 for any number.
    """

    def __init__(self, subject: ModuleType, agreed: Terms, log: Path, *, pace: float, room: int) -> None:
        self._subject = subject
        self._agreed = agreed
        self._file = log.open("a", buffering=1)
        self._lock = threading.Lock()
        self._pace = pace
        self._most = room
        self._rng = random.Random(f"{agreed.seed}/client")
        self._ended = threading.Event()
        self._began = time.monotonic()
        self._taken = 0
        self._look = subject.states(os.environ["SOAK_DATABASE_URL"])
        self._looked, self._open = 0.0, 0
        self.trouble: BaseException | None = None

    def end(self) -> None:
        """Ask for nothing new."""
        self._ended.set()

    def ask_for(self, wishes: Iterator[Wish]) -> None:
        """Ask until there are no more, or until it is ended."""
        threads = [threading.Thread(target=self._run, args=(wishes,), name=f"client-{n}") for n in range(_THREADS)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        self._file.close()

    def _run(self, wishes: Iterator[Wish]) -> None:
        try:
            while self._room() and (batch := self._next(wishes)) and not self._ended.is_set():
                for kind in dict.fromkeys(wish.kind for wish in batch):
                    alike = [wish for wish in batch if wish.kind == kind]
                    self._insist(alike, "delay" if len(alike) == 1 else "accept_many")
                if batch[0].number % _TWICE == 0:
                    self._insist(batch[:1], "again")
        except BaseException as error:  # the process must end with it, or the run would go on without a client
            self.trouble = error
            self._ended.set()
            raise

    def _room(self) -> bool:
        """Wait while more is open than there is room for: on a slow machine less is asked for."""
        most = self._most
        while most and not self._ended.is_set():
            with self._lock:
                if time.monotonic() - self._looked > _LOOK:
                    self._looked, states = time.monotonic(), self._look()
                    self._open = most if states is None else sum(n for state, n in states.items() if state not in ENDS)
                if self._open < most:
                    break
            self._ended.wait(_LOOK)
        return not self._ended.is_set()

    def _next(self, wishes: Iterator[Wish]) -> list[Wish]:
        """The next wishes, when their time has come."""
        with self._lock:
            batch = list(islice(wishes, _BATCH if self._rng.random() < _BATCHED / _BATCH else 1))
            self._taken += len(batch)
            due = self._began + self._taken / self._pace
        while not self._ended.is_set() and (wait := due - time.monotonic()) > 0:
            self._ended.wait(wait)
        return batch

    def _insist(self, batch: list[Wish], door: str) -> None:
        """Ask until told: each time that the call raises nobody knows, and asking again with the same key is safe."""
        while True:
            self._write(batch, "asking", door)
            try:
                tickets = self._subject.ask(batch)
            except self._subject.UNSURE as error:
                self._write(batch, "unsure", door, why=type(error).__name__)
                if self._ended.wait(_AGAIN):
                    return
            else:
                self._write(batch, "accepted", door, tickets=tickets)
                return

    def _write(
        self, batch: list[Wish], answer: Answer, door: str, *, tickets: list[str] | None = None, why: str = ""
    ) -> None:
        lines = []
        for wish, ticket in zip(batch, tickets or [""] * len(batch), strict=True):
            kind = self._agreed.kind(wish.kind)
            assert kind is not None
            key = kind.key.format(wish.name)
            lines.append(Asked(time.time(), wish.name, wish.tenant, wish.kind, key, answer, ticket, door, why).line())
        with self._lock:
            self._file.write("".join(lines))
            self._file.flush()


def _wishes(subject: str, seed: int) -> Iterator[Wish]:
    """Somebody's own operations, or ours in the mix of the subject."""
    tenants = os.environ["SOAK_TENANTS"].split(",")
    if module := os.environ.get(operations.MODULE):
        own = {one.kind: one for one in operations.read(module)}
        mix = {kind: one.share for kind, one in own.items()}
        return wanted(seed, tenants, mix, lambda kind, name, rng: own[kind].arguments(name, rng))
    return wanted(seed, tenants, getattr(loaded(subject, ()), "MIX", None))


def main() -> int:
    """Read what the run says in the environment, and ask."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--subject", required=True)
    parser.add_argument("--pace", type=float, required=True)
    parser.add_argument("--count", type=int, required=True)
    parser.add_argument("--room", type=int, required=True)
    given = parser.parse_args()
    folder = Path(os.environ["SOAK_FOLDER"])
    agreed = terms.read(folder)
    client = Client(loaded(given.subject, ()), agreed, folder / FILE, pace=given.pace, room=given.room)
    signal.signal(signal.SIGTERM, lambda *_: client.end())
    client.ask_for(islice(_wishes(given.subject, agreed.seed), given.count))
    return bool(client.trouble)


if __name__ == "__main__":
    raise SystemExit(main())
