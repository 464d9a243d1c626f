"""The task classes: what a worker does with a hint, and what a caller can do with an integration task."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any

from billiard.einfo import ExceptionInfo
from celery import Task
from celery.app.trace import TraceInfo, trace_ok_t
from celery.exceptions import Ignore
from celery.states import IGNORED

from integrations.registry import BoundKind
from operations import keys
from operations.errors import NotAllowedError
from tasks import calling, delivery
from tasks.current import work_of
from tasks.platform import platform

Tracer = Callable[[str, Any, Any, Mapping[str, Any]], Any]


class LedgerTask(Task):
    """Every task of the application: what is delivered is a hint, the row says what to do.

    Celery builds a tracer for each task and keeps it in `__trace__`; ours goes in front of it.
    """

    abstract = True
    Request = "tasks.request:LedgerRequest"
    Strategy = "tasks.unfold:strategy"
    _tracer: Tracer | None = None

    @property
    def __trace__(self) -> Tracer | None:
        """The tracer that the worker calls."""
        return self._tracer

    @__trace__.setter
    def __trace__(self, tracer: Tracer | None) -> None:
        self._tracer = None if tracer is None else _through_the_ledger(self, tracer)

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        """Run the body, and write down what it came to before Celery goes on."""
        work = None if self.request.called_directly else work_of(self.request.id)
        if work is None:
            return self.run_directly(*args, **kwargs)
        return delivery.carry_out(self, work, lambda: self._body(*args, **kwargs))

    def _body(self, *args: Any, **kwargs: Any) -> Any:
        """The body, inside of what a class of the application's own puts around it in its `__call__`."""
        around = super().__call__
        own = getattr(around, "__func__", None) is not Task.__call__
        return around(*args, **kwargs) if own else self.run(*args, **kwargs)

    def run_directly(self, *args: Any, **kwargs: Any) -> Any:
        """A call of the function itself, outside of the ledger."""
        return super().__call__(*args, **kwargs)


class IntegrationTask(LedgerTask):
    """One business operation at a provider: `take_payment.delay(order_id="1001", amount=4200, …)`.

    Attributes:
        kind_name: the kind that it carries out.
    """

    abstract = True
    kind_name: str
    typing = False  # the kind's Arguments check them, with better sentences
    ignore_result = False

    @property
    def bound_kind(self) -> BoundKind:
        """The kind with its provider and numbers, in this deployment."""
        return platform().registry.kind(self.kind_name)

    def run(self, *_args: Any, **_kwargs: Any) -> Any:
        """Nothing runs here: the attempt is made by `tasks.attempt`."""
        raise NotAllowedError(f"{self.name} is carried out by a worker: use .delay(…) or .call_now(…)")

    def run_directly(self, *args: Any, **kwargs: Any) -> Any:
        """Refused: it would call the provider without the ledger, so that nobody could say if it happened."""
        return self.run(*args, **kwargs)

    def apply(self, *args: Any, **kwargs: Any) -> Any:
        """Refused, for the same reason."""
        return self.run(*args, **kwargs)

    def apply_async(
        self, args: Any = None, kwargs: Any = None, task_id: str | None = None, *more: Any, **options: Any
    ) -> Any:
        """Accept the operation: it is committed when this returns, and carried out once.

        Raises:
            InvalidArgumentsError: the arguments are wrong; nothing was stored.
            OperationConflict: the business key is taken by other arguments; nothing was stored.
            AcceptBusy: another transaction is accepting this key.
            AcceptUnknown: the database went away during the commit: call again with the same arguments.
            LedgerUnavailable: the database cannot be reached; nothing was stored.
        """
        if self.app.conf.task_always_eager:
            raise NotAllowedError(
                f"{self.name} cannot run eagerly: task_always_eager would call the provider without the ledger; "
                "let a worker and the sandbox provider run in your tests"
            )
        if task_id is None and not more and calling.is_plain(self, args, options):
            return calling.accept_one(self, kwargs or {})
        return super().apply_async(args, kwargs, task_id or keys.new_name(), *more, **options)

    def again(self, *, after: str, **kwargs: Any) -> Any:
        """Open the next generation of a business key whose last one was declined, or provably had no effect.

        Args:
            after: the id of the operation that it comes after: of two callers, one wins.
            kwargs: the arguments, which may be others.

        Raises:
            OperationConflict: another generation is current, or its effect is not known to be none.
        """
        return calling.again(self, after, kwargs)

    def accept_many(self, items: Iterable[Mapping[str, Any]], *, atomic: bool = False) -> Any:
        """Accept many operations in few statements.

        Args:
            items: the arguments of each.
            atomic: raise for the first that is not accepted, and store none.

        Returns:
            One `Accepted` for each item, in order; see `tasks.calling`.
        """
        return calling.accept_many(self, list(items), atomic=atomic)

    def call_now(self, *, timeout: float, **kwargs: Any) -> Any:
        """Accept the operation and carry it out at once, for a user who waits; through the same ledger and limits.

        Args:
            timeout: seconds that the caller waits. A call that has begun goes on after it, and the pending operation is
                returned.
            kwargs: the arguments.

        Returns:
            The operation's `AsyncResult`, ready or pending.
        """
        return calling.call_now(self, timeout, kwargs)


def _through_the_ledger(task: LedgerTask, tracer: Tracer) -> Tracer:
    """A tracer that asks the ledger what a delivered message means before Celery's own goes on."""

    def trace(ticket_id: str, args: Any, kwargs: Any, request: Mapping[str, Any]) -> Any:
        if request.get("is_eager"):
            return tracer(ticket_id, args, kwargs, request)
        with delivery.received(task, ticket_id, args, kwargs, request) as delivered:
            if delivered is None:
                return _dropped()
            return tracer(ticket_id, delivered.args, delivered.kwargs, delivered.request)

    return trace


def _dropped() -> Any:
    """What a tracer returns for a message that means nothing (any more): acknowledged, and nothing else.

    The error is raised, for what Celery hands to its main process is made of the error and its traceback.
    """
    try:
        raise Ignore  # noqa: TRY301  to have a traceback
    except Ignore as nothing:
        return trace_ok_t(ExceptionInfo(internal=True), TraceInfo(IGNORED, nothing), 0.0, None)
