"""Accept what an application publishes: in a transaction of its own, or in the application's."""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import psycopg

from config import crashpoint
from ledger.accept import Acceptance, Answer, Meanwhile, Row, Verdict, accept
from ledger.due import Hint
from ledger.lanes import lane_ids
from ledger.session import LOST, READ_ONLY, Connection, Ledger, unavailable
from operations.errors import AcceptUnknown, NotAllowedError, OperationConflict

if TYPE_CHECKING:
    from sqlalchemy.orm import Session

Within = Callable[[Connection, Sequence[Verdict]], None]

_TRIES = 3  # of a commit whose answer was lost; each asks the ledger what it knows


@dataclass
class Transaction:
    """The caller's transaction, which everything published meanwhile joins.

    Attributes:
        session: whose it is.
        hints: what to publish after its commit.
        hintable: whether we are told of the commit; if not, the sweep delivers.
    """

    session: Any
    hintable: bool
    hints: list[Hint] = field(default_factory=list)

    @property
    def connection(self) -> Connection:
        """The driver's connection, asked for each time: only when it is does SQLAlchemy send a savepoint that was begun."""
        return _driver(self.session)


_joined: ContextVar[Transaction | None] = ContextVar("lockgate_transaction", default=None)


def joined() -> Transaction | None:
    """The caller's transaction, inside `accept_in`."""
    return _joined.get()


@contextmanager
def accept_in(session: Any) -> Iterator[None]:
    """Everything published inside joins the caller's transaction: it exists if and only if that commits.

    Hints are published after the commit of a SQLAlchemy session; for a bare connection, whose commit nobody tells us of,
    the sweep delivers within seconds.

    Args:
        session: a SQLAlchemy `Session`, a SQLAlchemy `Connection`, or a psycopg 3 connection, on the ledger's database.

    Raises:
        NotAllowedError: it is another thing, or not on psycopg 3.
    """
    _driver(session)
    ours = _is("sqlalchemy.orm", "Session", session)
    transaction = Transaction(session, ours)
    if ours:
        _publish_after_commit(session, transaction)
    token = _joined.set(transaction)
    try:
        yield
    finally:
        _joined.reset(token)


@contextmanager
def transaction_of_our_own(connection: Connection, hints: list[Hint]) -> Iterator[None]:
    """Everything published inside joins a transaction of the platform; its hints are collected for after the commit."""
    transaction = Transaction(connection, hintable=True, hints=hints)
    token = _joined.set(transaction)
    try:
        yield
    finally:
        _joined.reset(token)


def accepted(
    ledger: Ledger, items: Sequence[Acceptance], within: Within | None = None, *,
    rows: Sequence[Row] | None = None, meanwhile: Meanwhile = None,
) -> list[Verdict]:  # fmt: skip
    """Accept in the caller's transaction where there is one, else in one of our own.

    A commit whose answer was lost is asked again: accepting the same tickets twice changes nothing.

    Args:
        ledger: where.
        items: what.
        within: done in the same transaction as all of them; what it raises undoes it.
        rows: as in `ledger.accept.accept`.
        meanwhile: as there.

    Raises:
        AcceptBusy: another transaction holds one of the keys.
        AcceptUnknown: the database went away during the commit and does not come back.
        LedgerUnavailable: the database cannot be reached, or takes no writes; nothing was stored.
    """
    transaction = _joined.get()
    if transaction is not None:
        return _accept(ledger, items, transaction.connection, within, rows=rows)
    doubt = False
    for _ in range(_TRIES):
        reached = False  # what fails before it has stored nothing
        try:
            lane_ids(ledger, [item.lane for item in items])  # new ones need a connection of their own
            with ledger.connection() if within is None else ledger.transaction() as connection:
                reached = True
                crashpoint.reached("accept.before_commit")
                verdicts = _accept(ledger, items, connection, within, rows=rows, meanwhile=meanwhile)
        except LOST as error:
            stored_nothing = not reached or isinstance(error, READ_ONLY)
            if stored_nothing and not doubt:
                raise unavailable(error) from None
            doubt = doubt or reached
        else:
            crashpoint.reached("accept.after_commit")
            return verdicts
    raise AcceptUnknown(items[0].business_key if len(items) == 1 else None)


def hint_of(item: Acceptance) -> Hint:
    """The hint at an accepted operation."""
    lane = item.lane
    return Hint(item.ticket_id, lane.task, lane.queue, lane.priority, lane.tenant, lane.provider)


def conflict(item: Acceptance, verdict: Verdict) -> OperationConflict:
    """What stands against an item, as an error."""
    return OperationConflict(item.business_key or item.ticket_id, str(verdict.operation_id), verdict.why)


def raise_conflict(item: Acceptance, verdict: Verdict) -> None:
    """Tell the caller that the key is taken.

    Raises:
        OperationConflict: it is.
    """
    if verdict.answer is Answer.CONFLICT:
        raise conflict(item, verdict)


def _accept(
    ledger: Ledger, items: Sequence[Acceptance], connection: Connection, within: Within | None, *,
    rows: Sequence[Row] | None, meanwhile: Meanwhile = None,
) -> list[Verdict]:  # fmt: skip
    verdicts = accept(ledger, items, connection, rows=rows, meanwhile=meanwhile)
    if within is not None:
        within(connection, verdicts)
    return verdicts


def _driver(session: Any) -> Connection:
    """The psycopg connection under whatever the caller has."""
    if _is("sqlalchemy.orm", "Session", session):
        session = session.connection()
    if _is("sqlalchemy", "Connection", session):
        session = session.connection.driver_connection
    if not isinstance(session, psycopg.Connection):
        raise NotAllowedError(
            f"accept_in takes a SQLAlchemy Session or Connection on psycopg 3, or a psycopg connection, not "
            f"{type(session).__name__}: use postgresql+psycopg:// for this engine"
        )
    return session


def _is(module: str, name: str, given: Any) -> bool:
    """One of SQLAlchemy's. Whoever has one has imported it, which takes time and memory that a worker can do without."""
    kind = getattr(sys.modules.get(module), name, None)  # none yet, too, while another thread imports it
    return kind is not None and isinstance(given, kind)


def _publish_after_commit(session: "Session", transaction: Transaction) -> None:
    from sqlalchemy import event  # noqa: PLC0415  the session's owner has it

    from tasks.publishing import publish  # noqa: PLC0415  needs the app, which needs us

    def committed(ended: "Session") -> None:
        if not ended.in_nested_transaction():  # the end of a savepoint is no commit
            publish(transaction.hints)
            transaction.hints.clear()

    def rolled_back(ended: "Session") -> None:
        if not ended.in_nested_transaction():  # after a savepoint's, a hint without a row means nothing
            transaction.hints.clear()

    event.listen(session, "after_commit", committed)
    event.listen(session, "after_rollback", rolled_back)
