"""The watchdog: a worker that is alive and hears nothing notices it by itself, and is heard again without a human.

Redis answers a waiting worker once a second, with a message or with nothing. A worker with a free slot that got no answer,
or nothing of what lies in its queues, while Redis answers others, is deaf: its connection is half open, its consumer was
lost when it connected again, or its main thread hangs. First its connections are cut, after which Celery makes new ones.
If that does not help, the process ends, and its supervisor starts another.
"""

import logging
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from enum import Enum
from typing import Any

import redis
from celery import bootsteps
from celery.worker import state

from resilience.restore import throw_out
from resilience.way import STATE, breaker_key, lowered_key
from tasks import hint
from tasks.broker import ear
from tasks.platform import Platform, platform

EXIT_CODE = 70  # EX_SOFTWARE: whoever restarts what failed restarts this
_LOOKS = 10  # in the time after which a worker counts as deaf
_GRACE = 10.0  # seconds for calls under way to end before the process does; the lease of a longer one lapses

_log = logging.getLogger(__name__)


class Verdict(Enum):
    """What is to be done about a worker."""

    WELL = "well"
    CUT = "cut"
    END = "end"


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a worker saw.

    Attributes:
        now: monotonic seconds, as all times here.
        listening: it could and should take messages, and Redis answers others.
        answered_at: when Redis last answered its waiting for messages.
        received: messages so far.
        waiting: messages lie in the queues that it reads.
    """

    now: float
    listening: bool
    answered_at: float
    received: int
    waiting: bool


class Hearing:
    """Judges looks: only time through which a worker could have heard something counts.

    Args:
        patience: seconds of silence after which a worker counts as deaf; as many again after its connections were cut.
        now: when it begins.
    """

    def __init__(self, patience: float, now: float) -> None:
        self._patience = patience
        self._looked_at = self._well_at = self._fed_at = now
        self._received = 0
        self._cut_at: float | None = None

    def judge(self, look: Look) -> Verdict:
        """What is to be done after this look."""
        slept = look.now - self._looked_at > self._patience / 2  # stopped, or starved: nobody could have heard anything
        self._looked_at = look.now
        if slept or not look.listening:
            self._well_at = self._fed_at = look.now
        self._well_at = max(self._well_at, look.answered_at)
        if look.received != self._received or not look.waiting:
            self._received, self._fed_at = look.received, look.now
        since = min(self._well_at, self._fed_at)
        if look.now - since < self._patience:
            if self._cut_at is not None and since > self._cut_at:
                self._cut_at = None
            return Verdict.WELL
        if self._cut_at is None:
            self._cut_at = look.now
            return Verdict.CUT
        return Verdict.END if look.now - self._cut_at >= self._patience else Verdict.WELL


class WatchdogStep(bootsteps.StartStopStep):
    """Starts the watchdog with the worker, and ends it as soon as the worker means to end."""

    requires = ("celery.worker.components:Pool",)

    def __init__(self, worker: Any, **kwargs: Any) -> None:
        super().__init__(worker, **kwargs)
        self._watchdog: Watchdog | None = None

    def start(self, worker: Any) -> None:
        """Start the thread."""
        self._watchdog = Watchdog(worker, platform())
        self._watchdog.start()

    def close(self, worker: Any) -> None:
        """Who is told to end takes no messages any more."""
        del worker
        if self._watchdog is not None:
            self._watchdog.end()

    stop = close


class Watchdog(threading.Thread):
    """Looks at its own worker, a few times in the patience that it has.

    Args:
        worker: Celery's.
        here: the platform, whose own connection to Redis tells an outage from deafness.
        end: ends the process, at once.
    """

    def __init__(self, worker: Any, here: Platform, end: Callable[[int], Any] = os._exit) -> None:
        super().__init__(name="lockgate-watchdog", daemon=True)
        self._worker = worker
        self._platform = here
        self._end = end
        self._patience = here.settings.deaf_after
        self._ended = threading.Event()

    def end(self) -> None:
        """Look no more."""
        self._ended.set()

    def run(self) -> None:
        """Look until ended."""
        hearing = Hearing(self._patience, time.monotonic())
        while not self._ended.wait(self._patience / _LOOKS):
            verdict = hearing.judge(self._look())
            if verdict is Verdict.CUT:
                _log.error("deaf: nothing heard from Redis for %g s; connecting anew", self._patience)
                self._cut()
            elif verdict is Verdict.END:
                self._leave()

    def _look(self) -> Look:
        try:
            self._throw_out()
            waiting = any(self._lengths())
            reachable = True
        except redis.RedisError:
            waiting = reachable = False
        listening = reachable and self._should_listen()
        return Look(time.monotonic(), listening, ear.answered_at, ear.received, waiting)

    def _lengths(self) -> list[int]:
        """How many messages lie in each list that this worker reads."""
        names = [hint.queue_key(queue, step) for queue in self._queues() for step in hint.PRIORITY_STEPS]
        with self._platform.redis.pipeline(transaction=False) as pipe:
            pipe.ping()
            for name in names:
                pipe.llen(name)
            return list(pipe.execute()[1:])

    def _throw_out(self) -> None:
        """A key of another type than ours would keep every worker from reading its queues, or from asking for leave."""
        here = self._platform
        keys = dict.fromkeys(
            (STATE, *(key(name) for name in here.registry.providers for key in (breaker_key, lowered_key))), "hash"
        )
        lists = [hint.queue_key(queue, step) for queue in self._queues() for step in hint.PRIORITY_STEPS]
        for key in throw_out(here.redis, keys | dict.fromkeys(lists, "list")):
            _log.error("%s held something that was not ours, and is thrown away", key)

    def _queues(self) -> list[str]:
        return list(self._worker.app.amqp.queues.consume_from)

    def _should_listen(self) -> bool:
        """Not while it ends, with all slots busy, or when a person has taken its queues away."""
        running = self._worker.blueprint.state == bootsteps.RUN and not state.should_stop and not state.should_terminate
        return bool(running and self._queues() and len(state.reserved_requests) < self._worker.pool.num_processes)

    def _cut(self) -> None:
        """Whoever waits on these sockets is told that they are gone, and Celery connects anew."""
        for one in self._sockets():
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _sockets(self) -> Iterator[socket.socket]:
        """All that lead to Redis from the worker's consumer and its events, without making one."""
        consumer = self._worker.consumer
        dispatcher = getattr(consumer, "event_dispatcher", None)
        for connection in (getattr(consumer, "connection", None), getattr(dispatcher, "connection", None)):
            for channel in list(getattr(getattr(connection, "transport", None), "channels", None) or ()):
                yield from channel.sockets()

    def _leave(self) -> None:
        _log.critical(
            "deaf: nothing heard from Redis for %g s after connecting anew; this worker ends with code %d, and whoever "
            "supervises it starts another", self._patience, EXIT_CODE,
        )  # fmt: skip
        until = time.monotonic() + _GRACE
        while state.active_requests and time.monotonic() < until and not self._ended.wait(0.1):
            pass
        logging.shutdown()
        self._end(EXIT_CODE)
