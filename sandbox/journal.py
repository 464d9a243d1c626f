"""The append-only journal: an event is in the file before anything in this process believes it."""

import fcntl
import json
import os
from array import array
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sandbox.clock import Clock

Json = dict[str, Any]
Take = Callable[[Json], None]

ENCODE = json.JSONEncoder(separators=(",", ":"), ensure_ascii=False).encode


class Journal:
    """Writes events in batches that survive a kill whole or not at all, then tells those who follow them."""

    def __init__(self, path: Path, *, clock: Clock) -> None:
        self.clock = clock
        self._followers: dict[str, list[Take]] = defaultdict(list)
        self._starts = array("Q")
        self._file = path.open("a+b", buffering=0)
        fcntl.flock(self._file, fcntl.LOCK_EX | fcntl.LOCK_NB)  # two writers would make one history out of two
        self._size = 0

    def follow(self, event: str, take: Take) -> None:
        """Have `take` told of each such event: of the old ones by `load`, of a new one once it is written."""
        self._followers[event].append(take)

    def load(self) -> None:
        """Fold over what is in the file; the torn end that a kill may leave is cut off."""
        batch: list[tuple[Json, int]] = []
        for event, size in self._readable():
            batch.append((event, size))
            if not event.get("more"):
                self._believe(batch)
                batch = []
        self._file.truncate(self._size)

    def append(self, *events: Json) -> int:
        """Write the events as one batch, and return the last one's number."""
        batch: list[tuple[Json, int]] = []
        text = b""
        for event in events:
            stamped = self._stamped(event, offset=len(batch))
            if len(batch) + 1 < len(events):
                stamped["more"] = True  # the batch goes on: without its end it does not count
            line = ENCODE(stamped).encode("utf-8", "backslashreplace") + b"\n"
            batch.append((stamped, len(line)))
            text += line
        self._write(text)
        self._believe(batch)
        return len(self._starts)

    def read(self, seq: int) -> Json:
        """Return one event as it was written."""
        event: Json = json.loads(self.lines(after=seq - 1, limit=1)[0])
        return event

    def lines(self, *, after: int, limit: int) -> list[bytes]:
        """Return the raw lines of the events that follow number `after`."""
        last = min(after + limit, len(self._starts))
        if after >= last:
            return []
        end = self._starts[last] if last < len(self._starts) else self._size
        start = self._starts[after]
        return os.pread(self._file.fileno(), end - start, start).splitlines()

    @property
    def last(self) -> int:
        """The number of the last event."""
        return len(self._starts)

    def close(self) -> None:
        """Close the file."""
        self._file.close()

    def _stamped(self, event: Json, *, offset: int) -> Json:
        # A caller that has judged by the clock hands its own reading in, so that journal and verdict agree.
        times = {"at": self.clock.wall(), "mono": self.clock.mono()}
        return {"seq": len(self._starts) + offset + 1, **times, **event}

    def _write(self, text: bytes) -> None:
        view = memoryview(text)
        while view:
            view = view[self._file.write(view) :]

    def _believe(self, batch: list[tuple[Json, int]]) -> None:
        for event, size in batch:
            self._starts.append(self._size)
            self._size += size
            for take in self._followers.get(event["event"], ()):
                take(event)

    def _readable(self) -> Iterator[tuple[Json, int]]:
        self._file.seek(0)
        with os.fdopen(os.dup(self._file.fileno()), "rb") as lines:
            for line in lines:
                if not line.endswith(b"\n"):
                    return
                yield json.loads(line), len(line)
