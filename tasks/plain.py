"""A plain task: claimed like an operation, run by Celery, and recorded before Celery goes on."""

from collections.abc import Callable
from traceback import format_exc
from typing import Any

from celery.exceptions import Ignore, Reject, Retry
from kombu.utils import json as kombu_json

from deadletter.park import letter
from integrations.evidence import normalised
from ledger.claim import Terms
from ledger.lanes import LOCAL
from ledger.record import Heard, Pace, record
from ledger.session import persist
from operations.means import Assurance, Means
from operations.operation import RetryPolicy
from operations.outcome import Effect
from operations.states import Reason, State
from resilience.decide import Decision, Park, Settle
from resilience.decide import Retry as Again
from tasks.core import core
from tasks.current import Work
from tasks.platform import platform
from tasks.results import written

LEASE = 60.0  # seconds; the worker's main process prolongs it while the task runs
TERMS = Terms(Assurance(Means.UNIQUE), lease=LEASE, total=0.0)
_PACE = Pace(RetryPolicy(), settle=0.0, confirm_time=0.0)


def run(task: Any, work: Work, body: Callable[[], Any]) -> Any:
    """Run a plain task; its outcome is written before Celery goes on, so that what follows can be sent again."""
    try:
        with core.roaming():  # it may compute
            value = body()
        returned = kombu_json.dumps(task.backend.prepare_value(value))
    except Retry:
        raise  # it has written its own next try
    except Reject as error:
        if error.requeue:
            _record(work, Again(0.0, Reason.BACKOFF, Effect.NONE, work.failures), None)
        else:
            work.settled, work.value, work.dispatching = State.DEAD, error, True
            _conclude(work, Park("rejected", Effect.NONE), {"raised": written(error), "traceback": format_exc()})
            send_what_follows_a_rejection(task, work)
        raise
    except Ignore:
        _record(work, Settle(State.SUPERSEDED, Effect.NONE), None)
        raise
    except Exception as error:
        work.settled, work.value, work.dispatching = State.DEAD, error, True
        _conclude(work, Park("raised", Effect.NONE), {"raised": written(error), "traceback": format_exc()})
        raise
    work.settled, work.value, work.dispatching = State.SUCCEEDED, value, True
    _conclude(work, Settle(State.SUCCEEDED, Effect.DONE), returned)
    return value


def _conclude(work: Work, decision: Decision, result: Any) -> None:
    """Record how it ended.

    Raises:
        Ignore: it was in other hands by now: what follows is sent from the row, as it stands then.
    """
    if not _record(work, decision, result):
        work.settled, work.value, work.dispatching = None, None, False
        raise Ignore("in other hands")


def _record(work: Work, decision: Decision, result: Any) -> bool:
    assert work.claimed is not None
    lease = work.claimed.lease
    effect = Effect.DONE if result is not None and not isinstance(decision, Park) else Effect.NONE
    heard = Heard("returned" if effect is Effect.DONE else "raised", effect, sealed={"result": result})
    filed = None
    if isinstance(decision, Park):
        error = work.value
        filed = letter(LOCAL, lease.kind, decision, code=type(error).__name__, message=normalised(str(error)))
    return persist(
        lambda: record(
            platform().ledger, lease, decision, heard=heard, pace=_PACE, letter=filed, ticket_id=work.ticket_id
        )
    )


def send_what_follows_a_rejection(task: Any, work: Work) -> None:
    """Celery's tracer sends nothing after a Reject, and the worker's main process does not know what would follow."""
    task.backend.mark_as_failure(work.ticket_id, work.value, request=task.request)
