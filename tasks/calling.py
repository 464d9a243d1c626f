"""The other doors: many operations at once, the next generation of one, and one for a user who waits."""

import threading
import time
import uuid
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any, Literal

from celery import signals
from celery.result import AsyncResult

from ledger.accept import Acceptance, Answer, Verdict
from ledger.again import current_generation, supersede
from ledger.follow import ended
from ledger.lanes import lane_ids
from ledger.session import LOST, Connection
from operations import keys
from operations.errors import LockgateError, NotAllowedError
from operations.means import Means
from operations.states import Reason, State
from tasks import delivery, hint
from tasks.accepting import accepted, conflict, hint_of, joined, raise_conflict
from tasks.batches import Batches, all_drafted, queue_of
from tasks.current import current
from tasks.draft import Posting, acceptance, draft
from tasks.platform import platform
from tasks.publishing import publish

_POLL = 0.02  # seconds between two looks while a user waits
_LONGEST_PAUSE = 0.5  # seconds between two tries of a call that admission refuses


@dataclass(frozen=True, slots=True)
class Accepted:
    """The verdict on one item of `accept_many`.

    Attributes:
        answer: accepted, existing (the same intent was accepted before), conflict, or invalid.
        task, ticket_id: of an item that is accepted or existing.
        operation_id: the operation, or the one that holds the key.
        error: what stands against it, of a conflict or an invalid item.
    """

    answer: Literal["accepted", "existing", "conflict", "invalid"]
    task: Any = field(default=None, repr=False, compare=False)
    ticket_id: str | None = None
    operation_id: str | None = None
    error: LockgateError | None = None

    @property
    def result(self) -> AsyncResult | None:
        """The `AsyncResult` of an item that is accepted or existing."""
        return None if self.ticket_id is None else self.task.AsyncResult(self.ticket_id)


def is_plain(task: Any, args: Any, options: Mapping[str, Any]) -> bool:
    """Whether a call asks for nothing of Celery's: no canvas, no option, nobody who listens to what is published.

    Celery would build a message of it, and represent its arguments for a log; the ledger then takes out what it came with.
    """
    return (
        not args
        and not options
        and task.priority is None
        and task.expires is None
        and current.work is None
        and task.app.current_worker_task is None
        and not signals.before_task_publish.receivers
        and not signals.after_task_publish.receivers
        and not task.app.conf.task_send_sent_event
    )


def accept_one(task: Any, fields: Mapping[str, Any]) -> AsyncResult:
    """Accept one operation from a plain call."""
    item = all_drafted(task, [fields])[0]
    if isinstance(item, LockgateError):
        raise item
    verdict = accepted(platform().ledger, [item])[0]
    raise_conflict(item, verdict)
    _hint([item], [verdict])
    return task.AsyncResult(item.ticket_id)


def accept_many(task: Any, items: Sequence[Mapping[str, Any]], *, atomic: bool) -> list[Accepted]:
    """Accept many operations; see `IntegrationTask.accept_many`."""
    return _atomically(task, items) if atomic else _in_batches(task, items)


def _atomically(task: Any, items: Sequence[Mapping[str, Any]]) -> list[Accepted]:
    drafts = all_drafted(task, items)
    wrong = next((made for made in drafts if isinstance(made, LockgateError)), None)
    if wrong is not None:
        raise wrong
    wanted = [made for made in drafts if isinstance(made, Acceptance)]
    verdicts = _accepted_atomically(wanted)
    _hint(wanted, verdicts)
    return _answers(task, drafts, verdicts)


def _in_batches(task: Any, items: Sequence[Mapping[str, Any]]) -> list[Accepted]:
    batches, answers = Batches(task, items), []
    for batch in batches:
        meanwhile = batches.make_next if batches.more else None
        wanted, rows = batch.wanted, batch.rows
        verdicts = accepted(platform().ledger, wanted, rows=rows, meanwhile=meanwhile) if wanted else []
        _hint(wanted, verdicts)  # at once: a hint that is noted and not there for seconds is taken for lost
        answers += _answers(task, batch.drafts, verdicts)
    return answers


def _hint(items: Sequence[Acceptance], verdicts: Sequence[Verdict]) -> None:
    """Publish at once, or after the caller's commit."""
    hints = [hint_of(item) for item, verdict in zip(items, verdicts, strict=True) if verdict.hint]
    transaction = joined()
    if transaction is not None:
        transaction.hints.extend(hints)
    else:
        publish(hints)


def _accepted_atomically(items: Sequence[Acceptance]) -> list[Verdict]:
    def all_or_none(_: Connection, verdicts: Sequence[Verdict]) -> None:
        for item, verdict in zip(items, verdicts, strict=True):
            raise_conflict(item, verdict)

    return accepted(platform().ledger, items, all_or_none)


def _answers(task: Any, drafts: Sequence[Acceptance | LockgateError], verdicts: Sequence[Verdict]) -> list[Accepted]:
    """One for each draft, in order; the verdicts are those of the drafts that are right."""
    of_the_right = iter(verdicts)
    return [
        Accepted("invalid", error=made) if isinstance(made, LockgateError) else _answer(task, made, next(of_the_right))
        for made in drafts
    ]


def _answer(task: Any, made: Acceptance, verdict: Verdict) -> Accepted:
    operation_id = str(verdict.operation_id)
    if verdict.answer is Answer.CONFLICT:
        return Accepted("conflict", operation_id=operation_id, error=conflict(made, verdict))
    answer: Literal["accepted", "existing"] = "accepted" if verdict.answer is Answer.ACCEPTED else "existing"
    return Accepted(answer, task, made.ticket_id, operation_id)


def again(task: Any, after: str, fields: Mapping[str, Any]) -> AsyncResult:
    """Open the next generation; see `IntegrationTask.again`."""
    bound, ledger = task.bound_kind, platform().ledger
    made = draft(bound, (), fields)
    if made.business_key is None:
        raise NotAllowedError(f"{bound.name} has no business key here: a new call is a new operation")
    if joined() is not None:
        raise NotAllowedError(".again(…) commits by itself: call it outside of accept_in")
    names = {"tenant": made.tenant, "provider": bound.provider.name, "kind": bound.name}
    key_id = keys.business_key_id(ledger.secret, business_key=made.business_key, **names)
    posting = Posting(keys.new_name(), task.name, queue_of(task))
    with ledger.transaction() as connection:
        generation = current_generation(connection, key_id) + 1
        item = acceptance(bound, made, posting, secret=ledger.secret, generation=generation)
        lane_id = lane_ids(ledger, [item.lane])[item.lane]
        verdict = supersede(
            ledger, connection, item, lane_id, after=uuid.UUID(after), generation=generation, by="application"
        )
        raise_conflict(item, verdict)
    if verdict.answer == "existing":
        return task.AsyncResult(_first_ticket(verdict.operation_id))
    publish([hint_of(item)])
    return task.AsyncResult(item.ticket_id)


def _first_ticket(operation_id: uuid.UUID) -> str:
    with platform().ledger.connection() as connection:
        row = connection.execute("SELECT ticket_id FROM lockgate.operations WHERE id = %s", [operation_id]).fetchone()
    assert row is not None
    return str(row[0])


def call_now(task: Any, timeout: float, fields: Mapping[str, Any]) -> AsyncResult:
    """Accept and carry out at once; see `IntegrationTask.call_now`.

    The time-out bounds the wait, never a call that has begun. A kind whose doubt nobody could settle (means Q and X) is
    called here only if the caller waits long enough to hear its end; else a worker calls, and the caller waits on the row.
    """
    if joined() is not None:
        raise NotAllowedError("call_now cannot join a transaction: what it calls would be gone after a rollback")
    bound = task.bound_kind
    posting = Posting(keys.new_name(), task.name, queue_of(task), hint=False)
    item = acceptance(bound, draft(bound, (), fields), posting, secret=platform().ledger.secret)
    verdict = accepted(platform().ledger, [item])[0]
    raise_conflict(item, verdict)
    until = time.monotonic() + timeout
    here = bound.assurance.means in {Means.KEY, Means.UNIQUE} or timeout >= bound.provider.limits.total
    if here and not verdict.state.ended:
        # In a thread of its own: whoever waits may go when the time is up, the call goes on to its own deadline.
        threading.Thread(target=_carry_out_here, args=(task, item, until), name=f"call-now-{item.ticket_id}").start()
    else:
        publish([hint_of(item)])
    result = task.AsyncResult(item.ticket_id)
    while not result.ready() and (left := until - time.monotonic()) > 0:
        time.sleep(min(_POLL, left))
    return result


def _carry_out_here(task: Any, item: Acceptance, until: float) -> None:
    """Make the first attempt; while the caller waits, a limit that is full for a moment is waited for as well."""
    about = {hint.HEADER: {"tenant": item.lane.tenant, "provider": item.lane.provider}, "kwargs": {}}
    pause = _POLL
    with suppress(*LOST):  # the ledger went away: the row is as it was, and the sweep hints at it
        while not delivery.attempt_here(task, item.ticket_id, about):
            if time.monotonic() + pause > until or not _untried(item):
                publish([hint_of(item)])  # refused for longer, or in other hands: a worker will
                return
            time.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)


def _untried(item: Acceptance) -> bool:
    """Whether nobody has made an attempt yet; after one, when and by whom it is tried again is the ledger's affair."""
    found = ended(platform().ledger, item.ticket_id)
    return found is not None and (found.state, found.reason) == (State.WAITING, Reason.NEW)
