"""The sweep: a thread in every worker that hints at what is due, and takes back what nobody holds.

It may run in every worker at once: one at a time works, for a tick, and who dies is replaced by the next. It is part of
the worker, so nobody can forget to start it. What it knows is in the ledger; losing Redis or a sweep costs seconds.
"""

import heapq
import json
import logging
import math
import threading
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from typing import Any

import redis
from celery import bootsteps

from config import crashpoint
from config.errors import ConfigError
from deadletter.drive import drive
from deadletter.retention import sweep_up
from ledger import due, groups
from ledger.due import Backlog, Hint
from ledger.follow import unfinished
from ledger.guard import Guard
from ledger.release import renew
from ledger.session import LOST, Connection
from operations.means import Means
from resilience.breaker import BreakerState
from resilience.clock import boottime
from resilience.forecast import Forecast
from resilience.pacing import Turns, share
from tasks import hint, judge, outlook, plain, traffic
from tasks.connections import welcome_changed
from tasks.platform import Platform, platform
from tasks.publishing import post

TICK = 0.5  # seconds between two looks
_STEP = 0.01  # seconds between two looks into the outbox; what falls due meanwhile is published together
WINDOW = 1000  # hints under way per queue; more would only wait in Redis
_HORIZON = 1.0  # seconds that a tick hints ahead of; longer than a tick, or the flow would stutter
_MOST = 500  # tickets in one look
_LANES = 1000  # in one look; each is asked about at admission, and no more than the window could get a hint
_BUSY_STALE, _IDLE_STALE = 30.0, 3.0  # seconds out of the queue after which a hint is taken for lost
_NONE_STALE = "{}"
_LOCK = 7_030_602  # the key of the advisory lock under which one sweep works
_PACED = 2.0  # seconds for which accepting leaves a held lane's hints to the sweep; renewed whenever it is looked at
_RANK = {Means.KEY: 1, Means.UNIQUE: 2, Means.QUERY: 3, Means.NOTHING: 9}  # what makes the better probe

logger = logging.getLogger(__name__)


class SweepStep(bootsteps.StartStopStep):
    """Starts the sweep with the worker, and ends it with it."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **kwargs: Any) -> None:
        super().__init__(worker, **kwargs)
        self._sweep: Sweep | None = None

    def start(self, worker: Any) -> None:
        """Start the thread."""
        del worker
        self._sweep = Sweep()
        self._sweep.start()

    def stop(self, worker: Any) -> None:
        """Let it finish its tick; the pool, which stops next, waits for what runs."""
        del worker
        if self._sweep is not None:
            self._sweep.retire()


class Sweep(threading.Thread):
    """Looks, decides, hints; forever, in ticks."""

    def __init__(self) -> None:
        super().__init__(name="lockgate-sweep", daemon=True)
        self._platform = platform()
        self._ended, self._retired, self._idle = threading.Event(), threading.Event(), threading.Event()
        self._guard = _guard(self._platform)
        self._outbox: list[tuple[float, int, Hint]] = []
        self._sent = 0
        self._trouble = ""
        self._turns = Turns(_LANES)
        self._stale = (
            _NONE_STALE  # what the last look found, for the next one; only while this sweep is the one at work
        )

    def end(self) -> None:
        """Stop after this tick."""
        self._ended.set()
        self._retired.set()
        self.join(timeout=10.0)

    def retire(self) -> None:
        """Look no more; but as long as this process is there, what runs in it keeps its lease."""
        self._retired.set()
        self._idle.wait(timeout=10.0)

    def run(self) -> None:
        """Tick until ended; trouble with a store is said once, and tried again."""
        next_tick = time.monotonic()
        while not self._ended.is_set():
            if self._retired.is_set():
                self._idle.set()
                self._safely(self._renew)
                self._ended.wait(TICK)
                continue
            if time.monotonic() >= next_tick:
                self._safely(self.tick)
                next_tick = time.monotonic() + TICK
            self._safely(self._publish_due)
            wake = max(self._outbox[0][0], time.monotonic() + _STEP) if self._outbox else next_tick
            self._retired.wait(max(0.0, min(wake, next_tick) - time.monotonic()))

    def _safely(self, step: Callable[[], None]) -> None:
        """Nothing may end this thread: in a deployment of one worker nobody would take its place."""
        try:
            step()
        except LOST as error:
            self._say("the ledger is away", error)
        except Exception:
            logger.exception("the sweep met something unexpected; it goes on with the next tick")

    def _renew(self) -> None:
        renew(self._platform.ledger, self._platform.worker, lease=plain.LEASE)

    def tick(self) -> None:
        """One look: keep our own leases, and, if no other sweep is at it, the shared duties."""
        here = self._platform
        self._renew()
        with here.ledger.transaction() as turn:
            row = turn.execute("SELECT pg_try_advisory_xact_lock(%s)", [_LOCK]).fetchone()
            if row is None or not row[0]:
                self._stale = _NONE_STALE
                return
            with here.ledger.connection() as connection:
                self._shared(connection)

    def _shared(self, connection: Connection) -> None:
        here = self._platform
        here.ledger.secret  # noqa: B018  a new ledger gets its row
        epoch = self._guard.look(connection)
        judge.take_back(here, connection)
        judge.judge(here, connection)
        welcome_changed(here, connection)
        groups.fold(here.ledger)
        drive(here.ledger, here.registry)
        sweep_up(connection)
        try:
            remembered = traffic.remember(here, connection, epoch)
            if remembered is not None:
                traffic.sync_breakers(here, connection)
                traffic.sync_lowered(here, connection)
                self._hint(connection, remembered)
            self._post(unfinished(connection, limit=_MOST))
        except redis.RedisError as error:
            self._say("Redis is away: nothing is admitted and nothing hinted", error)
        else:
            self._trouble = ""

    def _hint(self, connection: Connection, epoch: int) -> None:
        here = self._platform
        if dropped := here.admission.refused(_MOST * 2):
            self._turns.again(due.unhint(connection, dropped))
        stale = self._stale
        busy = due.backlogs(connection, epoch=epoch, stale=stale, bound=2 * WINDOW)
        hinted = _hinted_by_queue(busy)
        self._stale = json.dumps(_stale(here, connection, hinted))
        lanes = outlook.looked_at(busy, self._turns, most=_LANES)
        forecasts = outlook.forecasts(here, lanes, horizon=_HORIZON)
        counts = share(outlook.views(lanes, forecasts), window=WINDOW, hinted=hinted)
        if counts:
            paced = {lane.lane_id for lane in lanes if outlook.paces(forecasts.get(lane.lane_id))}
            free = {lane: count for lane, count in counts.items() if lane not in paced}
            self._post(due.mark_hinted(connection, free, epoch=epoch, stale=stale) if free else ())
            slow = {lane: count for lane, count in counts.items() if lane in paced}
            hints = due.mark_hinted(connection, slow, epoch=epoch, stale=stale) if slow else ()
            self._put(outlook.spread(hints, lanes, forecasts, counts))
        self._turns.end(outlook.passed_over(lanes, forecasts, counts), counts)
        self._probe(connection, lanes, forecasts, epoch)
        outlook.hold(connection, lanes, forecasts, counts, seconds=_PACED * math.ceil(max(len(busy), 1) / _LANES))

    def _probe(self, connection: Connection, lanes: list[Backlog], forecasts: dict[int, Forecast], epoch: int) -> None:
        """Where a breaker may be tried, choose the one operation that tries it."""
        ready: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for lane in lanes:
            forecast = forecasts.get(lane.lane_id)
            if forecast is None or forecast.breaker in {None, BreakerState.CLOSED} or lane.paused:
                continue
            if forecast.retry_in <= 0 and not forecast.probing:
                ready[lane.provider].append((lane.lane_id, _rank(self._platform, lane.kind)))
        for found in ready.values():
            chosen = due.mark_probe(connection, found, epoch=epoch)
            if chosen is not None:
                self._post([chosen])

    def _post(self, hints: Iterable[Hint]) -> None:
        """Put hints into the outbox, to be sent now."""
        self._put((0.0, one) for one in hints)

    def _put(self, hints: Iterable[tuple[float, Hint]]) -> None:
        """Put hints into the outbox, each to be sent after that share of the horizon."""
        batch, now = list(hints), time.monotonic()
        if batch:
            crashpoint.reached("sweep.after_mark")
        for after, one in batch:
            self._sent += 1
            heapq.heappush(self._outbox, (now + after * _HORIZON, self._sent, one))

    def _publish_due(self) -> None:
        now, batch = time.monotonic(), []
        while self._outbox and self._outbox[0][0] <= now:
            batch.append(heapq.heappop(self._outbox)[2])
        if batch:
            post(self._platform, batch)

    def _say(self, what: str, error: Exception) -> None:
        if what != self._trouble:
            logger.warning("%s (%s)", what, str(error).partition("\n")[0])
            self._trouble = what


def _guard(here: Platform) -> Guard:
    leases = [provider.lease for provider in here.registry.providers.values()]
    settles = [bound.assurance.settle for bound in here.registry.kinds.values()]
    return Guard(lease=max(leases, default=60.0), settle=max(settles, default=0.0), clock=boottime)


def _hinted_by_queue(lanes: list[Backlog]) -> dict[str, int]:
    found: dict[str, int] = defaultdict(int)
    for lane in lanes:
        found[lane.queue] += lane.hinted
    return found


def _stale(here: Platform, connection: Connection, hinted: dict[str, int]) -> dict[str, float]:
    """For queues that miss hints, after how many seconds one is taken for lost."""
    if not hinted:
        return {}
    fronts = _fronts(here, connection, list(hinted))
    found = {queue: _staleness(count, *fronts[queue]) for queue, count in hinted.items()}
    return {queue: seconds for queue, seconds in found.items() if seconds is not None}


def _fronts(here: Platform, connection: Connection, queues: list[str]) -> dict[str, tuple[int, float]]:
    """How many messages Redis holds of each queue, over the lists of all priorities, and for how long the oldest waits.

    That is asked of PostgreSQL: the clocks of who published and of who looks may be minutes apart.
    """
    names = [name for queue in queues for name in (queue, hint.queue_key(queue, hint.PRIORITY_STEPS[-1]))]
    with here.redis.pipeline(transaction=False) as pipe:
        for name in names:
            pipe.llen(name)
            pipe.lindex(name, -1)
        answers = pipe.execute()
    lengths = answers[0::2]
    oldest = [hint.ticket(raw) if raw else None for raw in answers[1::2]]
    hinted = due.hinted_for(connection, [name for name in oldest if name])
    ages = [hinted.get(name or "", 0.0) for name in oldest]
    return {
        queue: (lengths[2 * at] + lengths[2 * at + 1], max(ages[2 * at], ages[2 * at + 1]))
        for at, queue in enumerate(queues)
    }


def _staleness(hinted: int, length: int, oldest: float) -> float | None:
    """Seconds after which a hint is taken for lost; None where Redis holds them all.

    A queue is served in order: what was hinted at before the oldest that waits has left it, for a worker that holds it
    for seconds, or died with it.
    """
    if not hinted or hinted <= length:
        return None
    return _BUSY_STALE + oldest if length else _IDLE_STALE


def _rank(here: Platform, kind: str) -> int:
    try:
        return _RANK[here.registry.kind(kind).assurance.means]
    except ConfigError:
        return max(_RANK.values())
