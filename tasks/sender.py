"""Every message that this application publishes passes here: it becomes a row, and what is published is a hint.

Celery's AMQP sender sees every form: delay, apply_async, chains, groups, chords, links, retries, send_task.
"""

from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from celery import signals
from celery.app.amqp import AMQP
from kombu.common import Broadcast
from kombu.exceptions import OperationalError
from kombu.messaging import Producer

from integrations.registry import BoundKind
from ledger.accept import Acceptance, Verdict
from ledger.lanes import LOCAL
from ledger.record import Pace, record
from ledger.takeover import rewrite_message, stands_for, take_over
from operations.errors import InvalidArgumentsError, LockgateError, OperationConflict
from operations.operation import RetryPolicy
from operations.outcome import Effect
from operations.states import Reason, State
from resilience.decide import Retry
from tasks.accepting import accepted, hint_of, joined, raise_conflict
from tasks.broker import Connection
from tasks.current import current, work_of
from tasks.draft import Posting, acceptance, draft, local_acceptance, packed, seconds_until
from tasks.platform import platform
from tasks.publishing import post
from tasks.refused import refuse_later

_PLAIN = Pace(RetryPolicy(), settle=0.0, confirm_time=0.0)
_TRACE = ("traceparent", "tracestate")  # W3C Trace Context; the only foreign headers that a hint carries
_FOLLOWS = ("callbacks", "errbacks", "chain", "chord")
_BELONGS = ("group", "parent_id", "stamped_headers", "replaced_task_nesting", "shadow")


@dataclass(frozen=True)
class Message:
    """One message as Celery made it (protocol 2): args, kwargs and embed are its body."""

    task: str
    headers: dict[str, Any]
    properties: Mapping[str, Any]
    body: Any
    queue: str
    options: Mapping[str, Any]

    @property
    def embed(self) -> Mapping[str, Any]:
        """Links, chain and chord."""
        return self.body[2] if len(self.body) > 2 else {}  # noqa: PLR2004  protocol 2

    @property
    def follows(self) -> bool:
        """Whether something follows its end."""
        return any(self.embed.get(part) for part in _FOLLOWS)


class LedgerAMQP(AMQP):
    """Celery's AMQP object with a sender that writes to the ledger first, and connections that are soon back."""

    Connection = Connection

    def __init__(self, app: Any) -> None:
        super().__init__(app)
        # Whatever `task_protocol` says: what is written is one form, and what travels is a hint.
        self.task_protocols = {1: self.as_task_v2, 2: self.as_task_v2}

    def _create_task_sender(self) -> Callable[..., None]:
        stock = super()._create_task_sender()

        def send(producer: Producer, name: str, message: Any, *, queue: Any = None, **options: Any) -> None:
            if isinstance(queue, Broadcast):  # one message for every worker is no operation
                stock(producer, name, message, queue=queue, **options)
                return
            headers, properties, body, sent_event = message
            headers.update(options.pop("headers", None) or {})
            queue_name = getattr(queue, "name", queue) or self.default_queue.name
            self._send(Message(name, headers, properties, body, queue_name, options))
            if sent_event:
                self._tell(producer, sent_event, queue_name)

        return send

    def _tell(self, producer: Producer, event: dict[str, Any], queue: str) -> None:
        """Celery's `task-sent`, for those who switched it on; without arguments, which belong into the ledger alone."""
        told = event | {"args": "", "kwargs": "", "queue": queue, "exchange": "", "routing_key": queue}
        policy = self.app.conf.task_publish_retry_policy or {}
        with suppress(OperationalError, OSError):  # an event is for those who watch; the row is written
            self._event_dispatcher.publish(
                "task-sent", told, producer, retry=bool(self.app.conf.task_publish_retry), retry_policy=policy
            )

    def _send(self, message: Message) -> None:
        told = {"sender": message.task, "body": message.body, "exchange": "", "routing_key": message.queue}
        signals.before_task_publish.send(
            **told, declare=[], headers=message.headers, properties=message.properties, retry_policy={}
        )
        try:
            item = _item(self.app, message)
            if _own_next_try(item, message):
                return
            _write(item, message)
        except (InvalidArgumentsError, OperationConflict) as error:
            if current.work is None or not current.work.dispatching:
                raise
            _keep_refused(self.app, message, error)  # whoever sends this is a finished step, which must not fail for it
        signals.after_task_publish.send(**told, headers=message.headers)


def _item(app: Any, message: Message) -> Acceptance:
    """The acceptance of one message."""
    bound = _kind_of(app, message)
    if bound is None:
        everything = [message.headers, _kept(message), message.body]
        return local_acceptance(_posting(message, packed(message.task, everything), plain=True))
    args, kwargs, _ = message.body
    posting = _posting(message, _canvas_of(message))
    return acceptance(bound, draft(bound, args, kwargs), posting, secret=platform().ledger.secret)


def _kind_of(app: Any, message: Message) -> BoundKind | None:
    """The kind that a task carries out; None for a plain task, and for one that is not known here."""
    bound: BoundKind | None = getattr(app.tasks.get(message.task), "bound_kind", None)
    return bound


def _keep_refused(app: Any, message: Message, error: LockgateError) -> None:
    bound = _kind_of(app, message)
    if bound is None:
        raise error
    args, kwargs, _ = message.body
    refuse_later(bound, _posting(message, _canvas_of(message)), args, kwargs, error)


def _canvas_of(message: Message) -> Mapping[str, Any] | None:
    """What Celery needs to go on after an integration task: its arguments are sealed elsewhere."""
    if not message.follows and not any(message.headers.get(name) for name in _BELONGS):
        return None
    headers = {name: value for name, value in message.headers.items() if name not in {"argsrepr", "kwargsrepr"}}
    return packed(message.task, [headers, _kept(message), [[], {}, message.embed]])


def _posting(message: Message, kept: Mapping[str, Any] | None, *, plain: bool = False) -> Posting:
    transaction = joined()
    priority = int(message.options.get("priority") or 0)
    # A plain task's hint carries its time limits, so it is always published.
    spared = not plain and platform().crowd.full(message.queue, priority)
    return Posting(
        ticket_id=str(message.headers["id"]),
        task=message.task,
        queue=message.queue,
        priority=priority,
        message=kept,
        follows=message.follows,
        due_in=max(0.0, seconds_until(message.headers.get("eta")) or 0.0),
        expires_in=seconds_until(message.headers.get("expires")),
        hint=not spared and (transaction is None or transaction.hintable),
    )


def _kept(message: Message) -> dict[str, Any]:
    """AMQP properties that the task may look at."""
    extra = {name: message.options.get(name) for name in ("priority", "app_id")}
    return {**message.properties, **{name: value for name, value in extra.items() if value is not None}}


def _own_next_try(item: Acceptance, message: Message) -> bool:
    """A plain task that is running here retries or replaces itself: the same task id comes again."""
    work = work_of(item.ticket_id)
    if work is None or work.claimed is None or work.parked:
        return False
    ledger, lease = platform().ledger, work.claimed.lease
    with ledger.transaction() as connection:
        if item.lane.kind == lease.kind and message.headers.get("retries", 0) > 0:
            rewrite_message(ledger, connection, item)
            again = Retry(item.due_in, Reason.BACKOFF, Effect.NONE, lease.standing.failures)
            work.parked = record(ledger, lease, again, heard=None, pace=_PLAIN, connection=connection)
        else:
            work.parked = take_over(ledger, connection, item, lease.operation_id, lease.token) is not None
    return work.parked


def _write(item: Acceptance, message: Message) -> None:
    verdict = _verdict(item)
    if not verdict.hint:
        return
    transaction = joined()
    if transaction is not None:
        transaction.hints.append(hint_of(item))
        return
    # A plain task's limits are for the worker's main process; an operation has its provider's total deadline.
    names = (*_TRACE, "timelimit") if item.lane.provider == LOCAL else _TRACE
    more = {name: message.headers[name] for name in names if name in message.headers}
    post(platform(), [hint_of(item)], more=more)  # without Redis the sweep hints later


def _verdict(item: Acceptance) -> Verdict:
    ledger = platform().ledger
    verdict = accepted(ledger, [item])[0]
    if verdict.state is State.SUPERSEDED:  # a task that gave its id away earlier, to a chord's body for instance
        with ledger.transaction() as connection:
            known = stands_for(connection, item.ticket_id)
            if known is not None and take_over(ledger, connection, item, known[0], None) is not None:
                return Verdict(verdict.answer, item.operation_id, item.due_in <= 0)
    raise_conflict(item, verdict)
    return verdict
