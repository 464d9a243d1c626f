"""The caller's own log of what it asked for: a line for each, only ever added."""

import json
import threading
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

Answer = Literal["accepted", "maybe"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One operation that was asked for.

    Attributes:
        kind: such as `stripe.take_payment`.
        key: the business key, by which the caller can ask again; empty where it follows from the step before.
        ticket: the Celery task id; empty where the call raised.
        answer: accepted, or maybe: the call raised, and the caller cannot know.
        door: delay, accept_many, chain, or again: the same call a second time.
        after: the ticket of the step before, in a chain.
        why: the error, of a maybe.
    """

    kind: str
    tenant: str
    key: str
    ticket: str
    answer: Answer
    door: str
    after: str = ""
    why: str = ""


class AskedLog:
    """The file.

    Args:
        path: made anew.
    """

    def __init__(self, path: Path) -> None:
        self._file = path.open("w", buffering=1)
        self._lock = threading.Lock()
        self.path = path
        self.counts: Counter[str] = Counter()

    def add(self, *entries: Asked) -> None:
        """Add lines; they are in the file when this returns."""
        lines = "".join(json.dumps(asdict(entry) | {"at": time.time()}) + "\n" for entry in entries)
        with self._lock:
            self._file.write(lines)
            self._file.flush()
            self.counts.update(entry.answer for entry in entries)


def read(path: Path) -> list[Asked]:
    """What a log says."""
    entries = [json.loads(line) for line in path.read_text().splitlines()]
    return [Asked(**{name: entry[name] for name in Asked.__slots__}) for entry in entries]
