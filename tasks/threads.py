"""The pool of threads: few while calls are quick, all while they are slow, and company for what waits together.

A thread that waits for an answer hands Python's interpreter lock to another, and with many threads these hand-overs cost
more than the work between them; on several cores, threads that all have work fight over it. So a thread is woken only when
the one that is awake does not come along, and it takes several waiting hints at once: their permits and claims then cost
one round trip each. With calls of 50 ms every thread is awake, as in Celery's own pool.

Whoever puts something in wakes a thread if few are at work; one that ends its job takes the next; and while a job or an
outcome waits, one thread looks every 5 ms, wakes more, takes over what somebody cannot come to, and waits for no server.
It sleeps while nothing waits: whatever must be looked after sets `_busy`.
"""

import logging
import math
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from celery import bootsteps
from celery.concurrency import ALIASES
from celery.concurrency.base import BasePool

from tasks import company
from tasks.broker import appetite
from tasks.bulkhead import Bulkhead, Job, Lane
from tasks.core import core
from tasks.current import declining
from tasks.held import MOST, held
from tasks.job import CelerysJob
from tasks.platform import platform
from tasks.slot import Slot

_log = logging.getLogger(__name__)
_ONE = 1  # thread that works at a time on what may be begun in company; besides it, as many as wait for their provider
_FEW = 4  # on all else, which may wait for anything
_MANY = 8  # when so many do, one more that has come to its end goes to sleep
_TICK = 0.005  # seconds between two looks while anything waits
_OLD = 0.02  # seconds that an outcome waits for company
_HOLD = 0.15  # seconds for which a hint may be in a thread's hands before its call begins; its permit may be 0.1 s old
_WEIGHT = 0.1  # of the newest job in the running mean of their durations
_QUICK = 0.02  # seconds of a job below which few threads do everything
_AGAIN = 2.0  # seconds until what is given back is hinted at again
_DEEP = 4  # hints for each thread that are taken ahead at most


class TaskPool(BasePool):
    """Celery's interface to the threads."""

    limit: int
    body_can_be_buffer = True
    signal_safe = False

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._lock = threading.Lock()
        self._waiting = Bulkhead(self.limit)
        self._threads: list[Slot] = []
        self._asleep: list[Slot] = []  # the last to fall asleep is the first to be woken
        self._mean = 0.0  # seconds of a job
        self._stopped, self._is_short = False, False
        self._busy = threading.Event()  # something waits that somebody must look after
        self._porter = ThreadPoolExecutor(1, "porter")  # gives back what finds no slot
        self._looker = threading.Thread(target=self._look_after, name="slots", daemon=True)

    def on_start(self) -> None:
        """Let outcomes wait for company from now on; somebody looks that none waits too long."""
        held.open(self._busy.set)
        self._porter.submit(int)  # its thread is there when it is needed: a machine may have no room for it by then
        self._looker.start()

    def on_apply(
        self, target: Callable[..., Any], args: tuple[Any, ...] | None = None, kwargs: dict[str, Any] | None = None,
        callback: Callable[..., Any] | None = None, accept_callback: Callable[..., Any] | None = None, **_: Any,
    ) -> None:  # fmt: skip
        """Take what Celery hands over."""
        args = args or ()
        task = self.app.tasks[args[0]]
        self.put(CelerysJob(task, target, args, kwargs, callback=callback, accept_callback=accept_callback))

    def put(self, *jobs: Job) -> None:
        """Put jobs into the queue, and wake threads for them if none comes along soon."""
        with self._lock:
            some = self._waiting.new
            self._waiting.put(jobs)
            if some < _FEW and (self._asleep or len(self._threads) < self._waiting.most):
                self._rouse()  # else somebody was woken already; more are, if need be, at the next look
            self._busy.set()

    def on_stop(self) -> None:
        """Begin nothing more, wait for what has begun, and hand back the rest."""
        with self._lock:
            self._stopped = True
            self._take_over(time.monotonic(), older_than=0.0)
            for thread in self._asleep:
                thread.wake.release()
            self._asleep = []
        for thread in self._threads:
            thread.join()
        self._busy.set()
        if self._looker.is_alive():
            self._looker.join()
        held.close()
        self._porter.shutdown()
        company.part(job.id for job in self._waiting.clear() if job.begun)

    on_terminate = on_stop

    def serve(self, thread: Slot) -> bool:
        """Carry out what waits, until nothing does; False when the pool has stopped."""
        while self._take(thread):
            if len(thread.hand) > 1:
                self._begin(thread)
            while (job := self._next(thread)) is not None:
                started = time.monotonic()
                job.run()
                self._mean += _WEIGHT * (time.monotonic() - started - self._mean)
            held.write_what_is_due()
        return not self._stopped

    def _take(self, thread: Slot) -> bool:
        """Fill a thread's hand; False when it may sleep."""
        with self._lock:
            if self._fill(thread):
                return True
        held.write()  # nobody would come along soon
        with self._lock:
            if self._fill(thread):
                return True
            if not self._stopped:
                self._asleep.append(thread)
            return False

    def _fill(self, thread: Slot) -> bool:
        now, thread.since, thread.lane = time.monotonic(), None, None
        if not len(self._waiting) or self._stopped or self._working(now) >= _MANY:
            return False
        holders = self._holders()
        job = self._waiting.take(holders)
        if job is None:
            return False
        thread.since = thread.taken = now
        thread.lane = job.lane
        thread.hand.append(job)
        if _shares(job) and len(holders) < self.limit:
            share = min(MOST, -(-(len(self._waiting) + 1) // self._sharers()), self._reach())
            while len(thread.hand) < share and (following := self._waiting.first) and _shares(following):
                thread.hand.append(self._waiting.take_first())
        return True

    def _holders(self) -> list[Lane | None]:
        """Whose the jobs are that threads are at."""
        return [thread.lane for thread in self._threads if thread.since is not None]

    def _sharers(self) -> int:
        """Among how many threads what waits is divided: all, unless jobs are known to be so quick that nobody need wake."""
        return len(self._threads) - len(self._asleep) if 0 < self._mean < _QUICK else self.limit

    def _reach(self) -> int:
        """How many jobs a thread can begin one after another before what it has in its hand is too old."""
        return 1 + int(_HOLD / max(self._mean, 0.001))

    def _next(self, thread: Slot) -> Job | None:
        with self._lock:
            if not thread.hand:
                return None
            thread.since, job = time.monotonic(), thread.hand.popleft()
            thread.lane = job.lane
            return job

    def _begin(self, thread: Slot) -> None:
        """Begin what a thread has in its hand in company; what was not, is begun alone."""
        jobs, thread.taken = list(thread.hand), math.inf  # nobody takes it over meanwhile
        try:
            company.begin([(job.task, job.id, job.request) for job in jobs])
        except Exception:  # noqa: BLE001  whatever it was, each may still be begun
            _log.exception("several operations could not be begun together; each is begun alone")
        else:
            for job in jobs:
                job.begun = True
        thread.taken = time.monotonic()
        with self._lock:
            self._take_over(time.monotonic(), older_than=0.0 if self._stopped else _HOLD)

    def _working(self, now: float) -> int:
        return sum(1 for thread in self._threads if thread.works(now))

    def _rouse(self) -> None:
        """Wake as many threads as must be; the lock is held."""
        now, first, holders = time.monotonic(), self._waiting.first, self._holders()
        few = _ONE if first is not None and _shares(first) else _FEW
        most = self._waiting.most if len(holders) >= self.limit else self.limit
        for _ in range(min(self._waiting.put_aside(holders), few - self._working(now))):
            if self._asleep:
                thread = self._asleep.pop()
                thread.since = now
                thread.wake.release()
            elif len(self._threads) >= most or not self._started(now):
                break

    def _started(self, now: float) -> bool:
        """Whether one more thread could be started; a machine may have no room for it today."""
        thread = Slot(self.serve, len(self._threads))
        thread.since = now
        try:
            thread.start()
        except RuntimeError:
            if not self._is_short:
                _log.warning("no more than %d threads can be started; what waits, waits for these", len(self._threads))
            self._is_short = True
            return False
        self._is_short = False
        self._threads.append(thread)
        return True

    def _take_over(self, now: float, *, older_than: float) -> None:
        """What threads have in their hands for too long goes back to the front of the queue; the lock is held."""
        for thread in self._threads:
            if thread.hand and now - thread.taken >= older_than:
                self._waiting.put_first(thread.hand)
                thread.hand.clear()

    def _look_after(self) -> None:
        """See to it that nothing waits too long: no job in the queue or in a hand, and no outcome."""
        while not self._stopped:
            self._busy.wait()
            try:
                self._look()
            except Exception:  # noqa: BLE001  nobody else looks
                _log.exception("the pool of threads met something unexpected; it goes on")
            time.sleep(_TICK)

    def _look(self) -> None:
        with self._lock:
            self._take_over(time.monotonic(), older_than=_HOLD)
            self._rouse()
            if not self._stopped and (back := self._waiting.give_back(self._holders())):
                self._porter.submit(self._give_back, back)
            self._busy.clear()  # before it looks: whoever adds something from here on sets it again
            if len(self._waiting) or held or any(thread.hand for thread in self._threads):
                self._busy.set()
        held.write_elsewhere(older_than=_OLD)
        appetite.per_slot = 2 if self._mean < _QUICK else min(_DEEP, self._reach())

    def _give_back(self, jobs: list[Job]) -> None:
        """Let these come again, here or at another worker; whatever happens, each ends here."""
        _log.info("all slots are taken: %d that have waited for a second are given back", len(jobs))
        with declining():
            for job in jobs:
                job.run()
        try:
            company.put_off([job.id for job in jobs], _AGAIN)
        except Exception:  # noqa: BLE001  then the sweep misses their hints
            _log.exception("that could not be noted; they are looked at again")

    def _get_info(self) -> dict[str, Any]:
        return {**super()._get_info(), "max-concurrency": self.limit, "threads": len(self._threads)}


def _shares(job: Job) -> bool:
    return job.shares and not job.begun


class CoreStep(bootsteps.StartStopStep):
    """Lets the threads have their core; each process of prefork has an interpreter of its own."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **kwargs: Any) -> None:
        super().__init__(worker, **kwargs)
        self.enabled = issubclass(worker.pool_cls, TaskPool) and platform().settings.one_core

    def start(self, worker: Any) -> None:
        """From now on."""
        del worker
        core.keep()

    def stop(self, worker: Any) -> None:
        """Until here."""
        del worker
        core.give_up()

    terminate = stop


def register() -> None:
    """Let Celery use this pool for `-P threads`."""
    ALIASES["threads"] = f"{__name__}:{TaskPool.__name__}"
