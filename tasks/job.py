"""A message on its way through the pool of threads, as Celery hands it to its pools."""

import logging
from collections.abc import Callable, Mapping
from typing import Any

from celery.concurrency.base import apply_target

from tasks import company, hint

_log = logging.getLogger(__name__)


class CelerysJob:
    """One that Celery has made its own request of, and hears of; `tasks.bulkhead` says what the names mean."""

    __slots__ = (
        "accept_callback", "args", "begun", "callback", "id", "kwargs", "lane", "request", "returns", "shares", "target",
        "task",
    )  # fmt: skip

    def __init__(
        self, task: Any, target: Callable[..., Any], args: tuple[Any, ...], kwargs: Mapping[str, Any] | None, *,
        callback: Callable[..., Any] | None, accept_callback: Callable[..., Any] | None,
    ) -> None:  # fmt: skip
        self.task, self.id, self.request = task, args[1], args[2]
        self.target, self.args, self.kwargs = target, args, kwargs
        self.callback, self.accept_callback = callback, accept_callback
        self.shares, self.begun = company.welcomes(task, self.request), False
        self.lane = company.lane_of(task, self.request)
        self.returns = self.lane is not None and hint.is_hint(self.request)

    def run(self) -> None:
        """Carry it out, as Celery's own pool of threads does; a slot outlives whatever is raised."""
        try:
            apply_target(self.target, self.args, self.kwargs, self.callback, self.accept_callback)
        except BaseException:  # noqa: BLE001  also Celery's WorkerShutdown, which is for the main thread
            _log.exception("a message could not be carried out; what it is about is looked at again")
