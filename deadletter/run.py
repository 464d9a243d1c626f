"""A person's orders to a run: begin, pause, go on, cancel. Who comes second is told."""

from collections.abc import Callable

from deadletter.plan import target
from ledger import audit, run_letters, runs
from ledger.audit import Order
from ledger.runs import Run
from ledger.session import Connection, Ledger
from operations.errors import NotAllowedError


def start(ledger: Ledger, run_id: int, order: Order) -> Run:
    """Begin a planned run with its canary.

    Raises:
        NotAllowedError: it is not there, or not planned any more.
    """

    def begin(connection: Connection, run: Run) -> None:
        runs.move(connection, run, "canary", by=order.actor, begins=True)

    return _ordered(ledger, run_id, order, "start", allowed={"planned"}, change=begin)


def pause(ledger: Ledger, run_id: int, order: Order) -> Run:
    """Send no more of it for now; what is on its way goes on.

    Raises:
        NotAllowedError: it is not there, or does not go on.
    """

    def rest(connection: Connection, run: Run) -> None:
        runs.move(connection, run, "paused", by=order.actor, why=f"paused by {order.actor}: {order.because}")

    return _ordered(ledger, run_id, order, "pause", allowed=set(runs.ACTIVE), change=rest)


def resume(ledger: Ledger, run_id: int, order: Order) -> Run:
    """Go on with one that is paused or stopped itself, with a canary again; what came back so far is forgiven.

    Raises:
        NotAllowedError: it is not there, or not paused or stopped.
    """

    def go_on(connection: Connection, run: Run) -> None:
        run_letters.observe(connection, run.id)  # what came back while it rested is forgiven, too
        runs.forgive(connection, run)
        runs.move(connection, run, "canary", by=order.actor, begins=True)

    return _ordered(ledger, run_id, order, "resume", allowed={"paused", "stopped"}, change=go_on)


def cancel(ledger: Ledger, run_id: int, order: Order) -> Run:
    """Send no more of it, for good; its letters that were not sent stay open.

    Raises:
        NotAllowedError: it is not there, or has ended.
    """

    def end(connection: Connection, run: Run) -> None:
        runs.move(connection, run, "cancelled", by=order.actor, why=f"cancelled by {order.actor}: {order.because}")

    return _ordered(
        ledger, run_id, order, "cancel", allowed={"planned", "canary", "running", "paused", "stopped"}, change=end
    )


def _ordered(
    ledger: Ledger,
    run_id: int,
    order: Order,
    action: str,
    *,
    allowed: set[str],
    change: Callable[[Connection, Run], None],
) -> Run:
    with ledger.transaction() as connection:
        run = runs.lock(connection, run_id)
        if run is None:
            raise NotAllowedError(f"there is no run {run_id}: `lockgate deadletter runs` shows those there are")
        if run.state not in allowed:
            raise NotAllowedError(f"run {run_id} ({run.name}) is {run.state}{_since(run)}: it cannot {action} now")
        change(connection, run)
        after = runs.get(connection, run_id)
        assert after is not None
        audit.note(connection, order, action, target(run_id), before={"state": run.state}, after={"state": after.state})
    return after


def _since(run: Run) -> str:
    if run.why:
        return f" ({run.why})"
    return f", begun by {run.started_by} at {run.started_at:%Y-%m-%d %H:%M:%S}" if run.started_at else ""
