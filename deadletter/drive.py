"""Drive runs: the canary first, then ever more at once, and no further when what was mended turns out not to be.

The sweep does it, in every worker, and it may do it in several at once: each letter goes in a transaction of its own with
the note that it went, so that whoever dies leaves it either untouched or sent. How fast they go out is for admission to say;
here it is decided how many may be on their way.
"""

import logging

from psycopg.errors import DeadlockDetected, LockNotAvailable

from config import crashpoint
from deadletter.plan import target
from deadletter.requeue import requeue_in
from integrations.registry import Registry
from ledger import audit, run_letters, runs
from ledger.audit import Order
from ledger.run_letters import Counts
from ledger.runs import Run
from ledger.session import Connection, Ledger
from operations.errors import NotAllowedError

_WIDEST = 200  # letters on their way at once; the limits decide how fast they go
_MOST = 40  # letters of one look
_STRANGERS = 10  # letters that may come back for another reason before a run that is past its canary stops

_log = logging.getLogger(__name__)


class _TakenError(Exception):
    """Another driver of the run has written about the letter since it was chosen."""


def drive(ledger: Ledger, registry: Registry) -> int:
    """One look at each run that goes on, or has letters on their way; how many letters were sent."""
    with ledger.connection() as connection:
        wanted, resting = runs.active(connection), runs.resting(connection)
    for run_id in resting:
        _look_after(ledger, run_id)
    most = max(_MOST // max(len(wanted), 1), 1)
    return sum(_advance(ledger, registry, run_id, most=most) for run_id in wanted)


def _advance(ledger: Ledger, registry: Registry, run_id: int, *, most: int) -> int:
    with ledger.transaction() as connection:
        run = runs.lock_free(connection, run_id)
        if run is None or not run.active:
            return 0
        turn = _judge(connection, run)[:most]
    sent = 0
    for letter_id in turn:
        try:
            sent += _send(ledger, registry, run, letter_id)
        except (LockNotAvailable, DeadlockDetected, _TakenError):
            _log.info("dl_%d is in other hands: run %d comes back to it", letter_id, run_id)
    return sent


def _look_after(ledger: Ledger, run_id: int) -> None:
    """A run that rests sends nothing, and those that are on their way come home all the same."""
    with ledger.transaction() as connection:
        if runs.lock_free(connection, run_id) is not None:
            run_letters.observe(connection, run_id)


def _judge(connection: Connection, run: Run) -> list[int]:
    """Look after those that are on their way, and decide who goes next."""
    ended = run_letters.observe(connection, run.id)
    if (why := _stops(connection, run)) is not None:
        _note(connection, run, "stop", "stopped", why)
        return []
    counts = run_letters.counts(connection, run.id)
    if not counts.waiting and not counts.sent:
        _note(connection, run, "finish", "done", None)
        return []
    if run.state == "canary":
        return _canary(connection, run, counts)
    width, proven = run.width, run.proven + sum(state in {"succeeded", "declined"} for state in ended)
    if proven >= width:
        width, proven = min(2 * width, max(_WIDEST, run.canary)), 0
    runs.widen(connection, run, width=width, proven=proven)
    return run_letters.next_letters(connection, run.id, min(width - counts.sent, _MOST)) if counts.sent < width else []


def _canary(connection: Connection, run: Run, counts: Counts) -> list[int]:
    """The first few go alone, and no other goes before they are home."""
    left = run.canary - (counts.went - run.gone_before)
    if left > 0 and counts.waiting:
        return run_letters.next_letters(connection, run.id, min(left, _MOST))
    if not counts.sent:
        runs.move(connection, run, "running", by=str(run.started_by))
        runs.widen(connection, run, width=2 * run.canary, proven=0)
    return []


def _stops(connection: Connection, run: Run) -> str | None:
    """Why a run must not go on, where it must not."""
    back = run_letters.back(connection, run.id)
    if run.state == "canary" and back.count > run.tolerate:
        return f"{back.count} of the canary came back: {back.last}"
    if back.alike > run.tolerate:
        return f"{back.alike} came back as they had been: {back.last}"
    return f"{back.count} came back: {back.last}" if back.count > run.tolerate + _STRANGERS else None


def _send(ledger: Ledger, registry: Registry, run: Run, letter_id: int) -> bool:
    """Requeue one letter and note it, together; what may not be requeued any more is skipped, and says why."""
    order = Order(str(run.started_by), f"run {run.id} ({run.name}): {run.because}")
    with ledger.transaction() as connection:
        if not runs.goes_on(connection, run.id):
            return False
        try:
            with connection.transaction():
                _, epoch = requeue_in(ledger, connection, registry, letter_id, order, spare=True)
        except NotAllowedError as error:
            run_letters.mark(connection, run.id, letter_id, "skipped", why=str(error))
            return False
        if not run_letters.mark(connection, run.id, letter_id, "sent", epoch=epoch):
            raise _TakenError  # and nothing of this is committed
        crashpoint.reached("run.before_commit")
    crashpoint.reached("run.after_commit")
    return True


def _note(connection: Connection, run: Run, action: str, state: str, why: str | None) -> None:
    runs.move(connection, run, state, by="lockgate", why=why)
    order = Order("lockgate", why or "all of its letters have ended")
    audit.note(connection, order, action, target(run.id), before={"state": run.state}, after={"state": state})
