"""A hint that is carried out without Celery's request, signals and tracer, as long as nobody would hear of it.

These are an eighth of what a worker's interpreter does for an operation. They are left out where nobody listens (no
events, no receivers of signals, no log level DEBUG) and nothing follows, and then only when all went well: of a retry, a
decline or a dead letter Celery itself tells, as ever. What it would log of a success at INFO, our line of the attempt does.
"""

import logging
import os
import time
from collections.abc import Callable, Mapping
from typing import Any

from celery import signals
from celery.app.trace import task_has_custom
from celery.concurrency.base import apply_target
from celery.utils.imports import symbol_by_name
from celery.worker import state
from celery.worker.request import create_request_cls

from tasks import company, delivery
from tasks.bulkhead import Lane
from tasks.current import current
from tasks.task import IntegrationTask, LedgerTask
from tasks.threads import TaskPool

_log = logging.getLogger(__name__)
_HEARD = (signals.task_received, signals.task_prerun, signals.task_postrun, signals.task_success)
_TIMES = frozenset(("eta", "expires", "timelimit"))  # which hints of ours never carry
_OWN = ("before_start", "on_success", "after_return")  # what Celery calls of a class of the application's own


class QuietRequest:
    """One hint in this worker, where Celery keeps its requests; whatever else is asked of it, Celery's own answers.

    Args:
        headers: of the message that named it.
        make: makes Celery's own request.
        release: tells the consumer that it is no longer held back.

    Attributes:
        lane: whose slot it takes.
        shares: whether it may be begun in company.
        returns: that it may be given back for want of a slot.
        begun: it was asked for in company; see `tasks.bulkhead.Job`.
        eventer: Celery sets a new one when it has connected anew.
        time_start: when it began to be carried out; seconds since 1970.
    """

    __slots__ = (
        "__weakref__", "_full", "_make", "_release", "begun", "eventer", "id", "lane", "request", "returns", "shares",
        "task", "time_start",
    )  # fmt: skip

    def __init__(
        self, task: IntegrationTask, ticket_id: str, headers: Mapping[str, Any], make: Callable[[str], Any],
        release: Callable[[], None], *, lane: Lane | None, shares: bool,
    ) -> None:  # fmt: skip
        self.task, self.id, self.request = task, ticket_id, headers
        self.lane, self.shares, self.begun, self.returns = lane, shares, False, True
        self._make, self._release = make, release
        self._full: Any = None
        self.eventer: Any = None
        self.time_start: float | None = None

    def __getattr__(self, name: str) -> Any:
        return getattr(self._told(), name)

    @property
    def name(self) -> str:
        """The task's."""
        return str(self.task.name)

    def info(self, safe: bool = False) -> Any:  # noqa: FBT001, FBT002  Celery's signature
        """What `inspect` shows."""
        full, begun = self._told(), self.time_start is not None
        full.time_start, full.worker_pid, full.acknowledged = self.time_start, os.getpid() if begun else None, begun
        return full.info(safe=safe)

    def terminate(self, pool: Any, signal: Any = None) -> None:
        """Refused by the pool: a thread cannot be ended from outside."""
        pool.terminate_job(os.getpid(), signal)

    def cancel(self, *_: Any, **__: Any) -> None:
        """Nothing: what a cold shutdown cuts off is looked at again when its lease ends."""

    def run(self) -> None:
        """Carry it out; a slot outlives whatever is raised."""
        try:
            self.time_start = time.time()
            state.requests[self.id] = self
            state.active_requests.add(self)
            self._release()
            work = delivery.in_silence(self.task, self.id, self.request)
            state.task_ready(self)
            if work is None:
                state.total_count[self.name] += 1
                state.all_total_count[0] += 1
            else:
                self._tell(work)
        except BaseException:  # noqa: BLE001  also Celery's WorkerShutdown, which is for the main thread
            state.task_ready(self)
            _log.exception("a message could not be carried out; what it is about is looked at again")

    def _tell(self, work: Any) -> None:
        """Let Celery go on with it from here, in this thread."""
        current.prepared = work
        try:
            full = self._told()
            full.acknowledged = True  # what the consumer holds back is this request's matter
            state.task_reserved(full)
            try:
                full.execute_using_pool(_HERE)
            finally:
                state.task_ready(full)  # whatever was raised
        finally:
            untold, current.prepared = current.prepared, None
            if untold is not None:
                delivery.finish(untold)

    def _told(self) -> Any:
        if self._full is None:
            self._full = self._make(self.id)
            self._full.eventer = self.eventer or self._full.eventer
        return self._full


class _Here:
    """A pool for Celery's request that is this thread."""

    def apply_async(
        self, target: Any, args: Any, *, callback: Any = None, accept_callback: Any = None, **_: Any
    ) -> None:
        """Carry it out now."""
        apply_target(target, args, {}, callback, accept_callback)


_HERE = _Here()


def taker(task: Any, app: Any, consumer: Any) -> Callable[..., bool] | None:
    """Takes the hints of a message into the pool of threads, and says whether it did.

    It is given, for each ticket, what tells the consumer that it is no longer held back. None for a task of which Celery
    must always hear.
    """
    pool = consumer.pool
    if not isinstance(pool, TaskPool) or not _is_ours_alone(task):
        return None
    eventer = consumer.event_dispatcher
    request_class = create_request_cls(symbol_by_name(task.Request), task, _HERE, consumer.hostname, eventer, app=app)
    debugged = _log.isEnabledFor(logging.DEBUG)

    def take(message: Any, releases: Mapping[str, Callable[[], None]], callbacks: Any) -> bool:
        headers = message.headers
        limited = not consumer.disable_rate_limits and consumer.task_buckets.get(task.name)
        wrapped = type(task).__call__ is not LedgerTask.__call__  # Sentry does so after this strategy was made
        plain = message.content_type is None and not message.errors and not _TIMES & headers.keys()
        if debugged or callbacks or limited or wrapped or not plain or _somebody_listens(eventer):
            return False

        def make(ticket_id: str) -> Any:
            return request_class(
                message, app=app, hostname=consumer.hostname, eventer=eventer, task=task,
                connection_errors=consumer.connection_errors, body=message.body,
                headers=headers | {"id": ticket_id}, decoded=False, utc=app.uses_utc_timezone(),
            )  # fmt: skip

        shares, lane = company.welcomes(task, headers), company.lane_of(task, headers)
        taken = [
            QuietRequest(task, ticket_id, headers, make, release, lane=lane, shares=shares)
            for ticket_id, release in releases.items()
        ]
        for each in taken:
            state.task_reserved(each)
        pool.put(*taken)
        return True

    return take


def _somebody_listens(eventer: Any) -> bool:
    events = eventer is not None and eventer.enabled and (not eventer.groups or "task" in eventer.groups)
    return bool(events or state.revoked_stamps or any(signal.receivers for signal in _HEARD))


def _is_ours_alone(task: Any) -> bool:
    """Whether it is an integration task in which the application has put nothing of its own around the call."""
    return (
        isinstance(task, IntegrationTask)
        and task.Request == LedgerTask.Request
        and not any(task_has_custom(task, name) for name in _OWN)
    )
