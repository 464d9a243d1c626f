"""Processes of these benchmarks: a caller that does what it is told, and workers."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psycopg

from benchmarks.contender import Contender
from benchmarks.enqueue import fields

_CHUNK = 10_000  # operations of one order to a caller
_PATIENCE = 900.0  # seconds


class Caller:
    """One caller; see `benchmarks.large.caller`."""

    def __init__(self, sender: str, environment: Mapping[str, str]) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "benchmarks.large.caller", sender],
            env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def send(self, items: list[dict[str, Any]]) -> dict[str, float]:
        """Let it enqueue, and hear when it began (nanoseconds) and how long it took (seconds)."""
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(json.dumps(items) + "\n")
        self._process.stdin.flush()
        said: dict[str, float] = json.loads(self._process.stdout.readline())
        return said

    def end(self) -> None:
        """It has nothing more to do."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def caller(sender: str, environment: Mapping[str, str]) -> Iterator[Caller]:
    """A caller that ends with the block."""
    made = Caller(sender, environment)
    try:
        yield made
    finally:
        made.end()


def accept(environment: Mapping[str, str], prefix: str, count: int, **more: Any) -> None:
    """Accept many, and say how far it is."""
    with caller("accept_many", environment) as own:
        for first in range(0, count, _CHUNK):
            own.send([fields(prefix, number) | more for number in range(first, min(first + _CHUNK, count))])
            if count > _CHUNK:
                print(f"  accepted {min(first + _CHUNK, count):,} of {count:,}", flush=True)


@dataclass(frozen=True)
class Worker:
    """One worker that is ready.

    Attributes:
        ready_after: seconds from its start until it said so.
    """

    pid: int
    ready_after: float


@contextmanager
def worker(contender: Contender, environment: Mapping[str, str], log: Path) -> Iterator[Worker]:
    """Start one, wait until it says that it is ready, and end it with the block."""
    log.write_bytes(b"")
    argv = [part if part != "WARNING" else "INFO" for part in contender.commands()[0]]
    began = time.monotonic()
    with log.open("ab") as output:
        process = subprocess.Popen(argv, env=environment, stdout=output, stderr=output, start_new_session=True)
    try:
        until(lambda: "ready." in log.read_text(errors="replace"), log)
        yield Worker(process.pid, time.monotonic() - began)
    finally:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def until(condition: Callable[[], Any], what: object, *, every: float = 0.02) -> Any:
    """Wait for something; its value.

    Raises:
        RuntimeError: it did not come; says where to look.
    """
    ends = time.monotonic() + _PATIENCE
    while not (value := condition()):
        if time.monotonic() > ends:
            raise RuntimeError(f"it did not come about in {_PATIENCE:g} s: see {what}")
        time.sleep(every)
    return value


def one(url: str, statement: str, values: Iterable[Any] = ()) -> Any:
    """The first column of the first row."""
    with psycopg.connect(url, autocommit=True) as connection:
        row = connection.execute(statement.encode(), list(values)).fetchone()
    assert row is not None
    return row[0]
