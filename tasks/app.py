"""The Celery application."""

import sys
from typing import Any

from celery import Celery

from tasks import authentication as authentication  # noqa: PLC0414  imported for its signal
from tasks import broker, threads
from tasks import collector as collector  # noqa: PLC0414  imported for its signals
from tasks import logs as logs  # noqa: PLC0414  imported for its signal: a worker's log is ours from the first line
from tasks.configuration import Configuration
from tasks.task import IntegrationTask, LedgerTask


class Lockgate(Celery):
    """Celery over the ledger: what is published becomes a row, and what travels is a hint."""

    amqp_cls = "tasks.sender:LedgerAMQP"
    control_cls = "tasks.revoke:LedgerControl"
    task_cls = LedgerTask

    def register_task(self, task: Any, **options: Any) -> Any:
        """Register a task-based class; one that derives from Celery's own Task is carried out through the ledger too."""
        made = task() if isinstance(task, type) else task
        if not isinstance(made, LedgerTask):
            made.__class__ = _through_the_ledger(type(made))
        return super().register_task(made, **options)

    def _task_from_fun(self, fun: Any, name: str | None = None, base: Any = None, **options: Any) -> Any:
        return super()._task_from_fun(fun, name, None if base is None else _through_the_ledger(base), **options)


def _through_the_ledger(base: type) -> type:
    """A task class as it is, with ours in front of it: a worker that ran its body on a bare hint would find no arguments."""
    return base if issubclass(base, LedgerTask) else type(base.__name__, (LedgerTask, base), {"abstract": True})


def integration_task(kind: type, *, name: str | None = None) -> IntegrationTask:
    """Declare one business operation, in one line.

    `take_payment = integration_task(stripe.TakePayment)`

    Args:
        kind: a class of `integrations.adapter.Kind`.
        name: how Celery and Flower call it; by default the caller's module and the kind's name.
    """
    module = sys._getframe(1).f_globals["__name__"]  # noqa: SLF001  as Celery's own @task names its module
    own = kind.name.partition(".")[2]  # type: ignore[attr-defined]  # a Kind
    task = type(
        own,
        (IntegrationTask,),
        {"name": name or f"{module}.{own}", "kind_name": kind.name, "__doc__": kind.__doc__, "__module__": module},  # type: ignore[attr-defined]
    )
    registered: IntegrationTask = app.register_task(task())
    return registered


broker.register()
threads.register()
app = Lockgate("lockgate", strict_typing=False)
app.config_from_object(Configuration())
app.steps["worker"].add("tasks.preflight:PreflightStep")
app.steps["worker"].add("tasks.sweep:SweepStep")
app.steps["worker"].add("tasks.threads:CoreStep")
app.steps["worker"].add("tasks.watchdog:WatchdogStep")
