"""Who runs against whom, and how each one's work is counted."""

from dataclasses import dataclass

import psycopg
import redis

from benchmarks import bare
from benchmarks.place import Place


@dataclass(frozen=True)
class Contender:
    """One way to get a payment made.

    Attributes:
        name: what `benchmarks.enqueue` calls it.
        label: what people read.
        app: the Celery application of its worker.
        calls: whether it speaks to the provider; one that does not needs one run only.
    """

    name: str
    label: str
    app: str = "benchmarks.bare"
    calls: bool = True

    @property
    def ours(self) -> bool:
        """Whether it is Lockgate."""
        return self.app == "tasks"


BASELINE = "session"  # what every ratio is against
CONTENDERS = (
    Contender("naive", "bare Celery, requests.post"),
    Contender("session", "bare Celery, shared Session"),
    Contender("noop", "bare Celery, a task that does nothing", calls=False),
    Contender("lockgate", "Lockgate, .delay()", app="tasks"),
    Contender("lockgate-bulk", "Lockgate, accept_many", app="tasks"),
)


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
            row = connection.execute(
                "SELECT count(*) FROM lockgate.operations WHERE state IN ('waiting', 'unconfirmed', 'awaiting', 'calling')"
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
    if states != [("succeeded", count)] or attempts != (count,):
        raise RuntimeError(f"of {count} operations: {dict(states)}, with {attempts} attempts")


def empty(client: redis.Redis) -> None:
    """Forget the baseline's queue."""
    client.flushdb()
