"""Who runs against whom, and how each one's work is counted."""

import os
import sys
from dataclasses import dataclass
from pathlib import Path

import psycopg
import redis

from benchmarks import bare
from benchmarks.place import SLOTS, Place

PEERS = Path("build/peers/bin/python")  # of the environment that `make bench-full` makes


@dataclass(frozen=True)
class Contender:
    """One way to get a payment made.

    Attributes:
        name: what the command line calls it.
        label: what people read.
        sender: how `benchmarks.enqueue` enqueues for it.
        app: the Celery application of its worker, or the module of a peer.
        pool: Celery's, with so many slots each.
        workers: so many of them; more than one are a family of Lockgate's.
        calls: whether it speaks to the provider; one that does not needs one run only.
        held: its worker is held to one core, as Lockgate's holds itself.
        full: whether it is run by `make bench-full` alone.
    """

    name: str
    label: str
    sender: str
    app: str = "benchmarks.bare"
    pool: str = "threads"
    slots: int = SLOTS
    workers: int = 1
    calls: bool = True
    held: bool = False
    full: bool = False

    @property
    def ours(self) -> bool:
        """Whether it is Lockgate."""
        return self.app == "tasks"

    @property
    def python(self) -> str:
        """The interpreter that has what it needs."""
        return str(PEERS.absolute()) if self.app.startswith("benchmarks.peers") else sys.executable

    def preparation(self) -> list[str] | None:
        """A command that must have run once before, if there is one."""
        if self.app == "benchmarks.peers.with_procrastinate":
            return [self.python, "-m", "procrastinate", "-a", f"{self.app}.app", "schema", "--apply"]
        return None

    def commands(self) -> list[list[str]]:
        """Its workers' command lines."""
        if self.app == "benchmarks.peers.with_dramatiq":
            return [[self.python, "-m", "dramatiq", self.app, "--processes", "2", "--threads", str(self.slots // 2)]]
        if self.app == "benchmarks.peers.with_procrastinate":
            return [[self.python, "-m", "procrastinate", "-a", f"{self.app}.app", "worker", "-c", str(self.slots)]]
        pool = [
            "-P", self.pool, "-c", str(self.slots), "-l", "WARNING", "--without-gossip", "--without-mingle",
            "-n", "bench@%h",
        ]  # fmt: skip
        if self.workers > 1:
            return [[self.python, "-m", "admin.cli", "workers", "--processes", str(self.workers), *pool]]
        held = ["taskset", "-c", str(min(os.sched_getaffinity(0)))] if self.held else []
        return [[*held, self.python, "-m", "celery", "-A", self.app, "worker", *pool]]


BASELINE = "session"  # what every ratio is against, unless a target names another
CONTENDERS = (
    Contender("naive", "bare Celery, requests.post", "bare.naive"),
    Contender("session", "bare Celery, shared Session", "bare.session"),
    Contender("session-held", "bare Celery, Session, held to one core", "bare.session", held=True, full=True),
    Contender("noop", "bare Celery, a task that does nothing", "bare.noop", calls=False),
    Contender("lockgate", "Lockgate, .delay()", "delay", app="tasks"),
    Contender("lockgate-bulk", "Lockgate, accept_many", "accept_many", app="tasks"),
    Contender("lockgate-two", "Lockgate, .delay(), two workers", "delay", app="tasks", workers=2, full=True),
    Contender(
        "prefork", "bare Celery, Session, prefork of 8", "bare.session", pool="prefork", slots=8, full=True
    ),
    Contender(
        "dramatiq", "Dramatiq, Session, 2 x 16 threads", "peers.with_dramatiq",
        app="benchmarks.peers.with_dramatiq", full=True,
    ),
    Contender(
        "procrastinate", "procrastinate, aiohttp, 32 at once", "peers.with_procrastinate",
        app="benchmarks.peers.with_procrastinate", full=True,
    ),
)  # fmt: skip


class Progress:
    """How far one run is: what has been carried out, out of what was enqueued."""

    def __init__(self, contender: Contender, place: Place, latency: int, count: int) -> None:
        self._contender = contender
        self._place = place
        self._latency = latency
        self._count = count
        self._before = place.nginx.seen(latency)

    def under_way(self) -> int:
        """How many have been carried out, near enough to start a clock by."""
        if not self._contender.calls:
            return self._count - self._left_in_redis()
        return self._place.nginx.seen(self._latency) - self._before

    def complete(self) -> bool:
        """Whether all have been; of ours, with every outcome committed."""
        if self.under_way() < self._count:
            return False
        return not self._contender.ours or self._left_in_the_ledger() == 0

    def _left_in_redis(self) -> int:
        client = self._place.broker
        with client.pipeline(transaction=False) as pipe:
            pipe.llen(bare.QUEUE)
            pipe.hlen("unacked")
            waiting, taken = pipe.execute()
        return int(waiting) + int(taken)

    def _left_in_the_ledger(self) -> int:
        with psycopg.connect(self._place.database_url, autocommit=True) as connection:
            # By the indexes of what is open: a look at all that ever was would be part of what is measured.
            row = connection.execute(
                "SELECT (SELECT count(*) FROM lockgate.operations WHERE state IN ('awaiting', 'unconfirmed', 'waiting'))"
                " + (SELECT count(*) FROM lockgate.operations WHERE state = 'calling')"
            ).fetchone()
        assert row is not None
        return int(row[0])


def check_the_ledger(place: Place, count: int) -> None:
    """Every operation that was ever accepted here has succeeded, with one attempt each; else no figure means anything.

    Raises:
        RuntimeError: it is not so.
    """
    with psycopg.connect(place.database_url, autocommit=True) as connection:
        states = connection.execute("SELECT state, count(*) FROM lockgate.operations GROUP BY state").fetchall()
        attempts = connection.execute("SELECT count(*) FROM lockgate.attempts").fetchone()
    if states != ([("succeeded", count)] if count else []) or attempts != (count,):
        raise RuntimeError(f"of {count} operations: {dict(states)}, with {attempts} attempts")


def empty(client: redis.Redis) -> None:
    """Forget the baseline's queue."""
    client.flushdb()
