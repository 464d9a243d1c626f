"""One run of one contender: enqueue with no worker about, start one worker, and watch it until everything is done."""

import json
import os
import signal
import subprocess
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from benchmarks.contender import Contender, Progress, empty
from benchmarks.measure import processor_seconds, proportional_memory, used
from benchmarks.place import Place

_STARTED = 0.05  # share of the operations after which the clock starts: the worker's start is not what is measured
_PATIENCE = 300.0  # seconds that a run may take
_POLL = 0.02


@dataclass(frozen=True)
class Run:
    """What one run came to.

    Attributes:
        drained: operations per second, from the first twentieth to the last outcome.
        worker_cpu: milliseconds of the worker's process tree per operation.
        servers_cpu: the same of PostgreSQL and Valkey.
        enqueued: operations per second that one caller enqueues.
        enqueue_cpu: milliseconds of the caller's processor per operation.
        memory: MB of the worker's process tree (PSS), at its end.
        scripts: round trips to Redis for breaker and limits, per operation: each runs a script.
    """

    contender: str
    latency: int
    drained: float
    worker_cpu: float
    servers_cpu: float
    enqueued: float
    enqueue_cpu: float
    memory: float
    scripts: float

    def as_json(self) -> dict[str, Any]:
        """For the file."""
        return asdict(self)


def run(contender: Contender, place: Place, latency: int, count: int, prefix: str) -> Run:
    """Run one contender once."""
    empty(place.broker)
    progress = Progress(contender, place, latency, count)
    taken = _enqueue(contender, place, latency, count, prefix)
    log = place.folder / f"worker-{contender.name}.log"
    workers = _start(contender, place, latency, log)
    try:
        before = _scripts(place)
        drained = _watch(workers, place, progress, count, log)
        scripts = (_scripts(place) - before) / count
        memory = proportional_memory([worker.pid for worker in workers])
        return Run(contender.name, latency, *drained, 1 / taken["wall"], 1000 * taken["cpu"], memory, scripts)
    finally:
        _end(workers)


def _enqueue(contender: Contender, place: Place, latency: int, count: int, prefix: str) -> dict[str, float]:
    argv = [contender.python, "-m", "benchmarks.enqueue", contender.sender, str(count), prefix]
    done = subprocess.run(argv, env=place.environment(latency), stdout=subprocess.PIPE, check=True)
    taken: dict[str, float] = json.loads(done.stdout)
    return taken


def _start(contender: Contender, place: Place, latency: int, log: Path) -> list[subprocess.Popen[bytes]]:
    environment = place.environment(latency)
    with log.open("ab") as output:
        return [
            subprocess.Popen(argv, env=environment, stdout=output, stderr=output, start_new_session=True)
            for argv in contender.commands()
        ]


def _watch(
    workers: Sequence[subprocess.Popen[bytes]], place: Place, progress: Progress, count: int, log: Path
) -> tuple[float, float, float]:
    pids = [worker.pid for worker in workers]
    _until(workers, log, lambda: progress.under_way() >= _STARTED * count)
    first, started = progress.under_way(), time.perf_counter()
    before, servers_before = processor_seconds(pids), processor_seconds(place.server_pids)
    _until(workers, log, progress.complete)
    elapsed, measured = time.perf_counter() - started, count - first
    own = used(before, processor_seconds(pids))
    servers = used(servers_before, processor_seconds(place.server_pids))
    return measured / elapsed, 1000 * own / measured, 1000 * servers / measured


def _until(workers: Sequence[subprocess.Popen[bytes]], log: Path, condition: Any) -> None:
    until = time.monotonic() + _PATIENCE
    while not condition():
        if any(worker.poll() is not None for worker in workers) or time.monotonic() > until:
            raise RuntimeError(f"the worker did not get through its work: see {log}")
        time.sleep(_POLL)


def _scripts(place: Place) -> int:
    """How many Redis has run since it was started."""
    found: Any = place.broker.info("commandstats")
    return sum(found.get(f"cmdstat_{name}", {}).get("calls", 0) for name in ("eval", "evalsha"))


def _end(workers: Sequence[subprocess.Popen[bytes]]) -> None:
    """They have nothing in hand any more: there is nothing to wait for."""
    for worker in workers:
        if worker.poll() is None:
            os.killpg(worker.pid, signal.SIGKILL)
            worker.wait()
