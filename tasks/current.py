"""What this thread's pool slot is carrying out now."""

import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from ledger.claim import Claimed
from resilience.permit import Permit
from tasks.attempt import Attempt


@dataclass
class Work:
    """One delivery of one ticket.

    Attributes:
        claimed: the operation, while an attempt is made; None when only what follows its end is sent again.
        attempt: makes the call of an integration operation; None for a plain task.
        permit: under which the call is made.
        message: the Celery message kept with the ticket.
        fence: of the operation as it was claimed, or read.
        settled: how it ended, once that is written: `succeeded`, or another end.
        value: what Celery goes on with: a result, or an exception to raise.
        dispatching: what follows is being sent now.
        followed: what follows was sent, for this end.
        children: what followed, for Celery's results.
        parked: a plain task has written its own next try.
    """

    ticket_id: str
    tenant: str
    claimed: Claimed | None = None
    attempt: Attempt | None = None
    permit: Permit | None = None
    message: Mapping[str, Any] | None = None
    follows: bool = False
    fence: int = 0
    settled: str | None = None
    value: Any = None
    dispatching: bool = False
    followed: bool = False
    children: list[Any] = field(default_factory=list)
    parked: bool = False

    @property
    def failures(self) -> int:
        """How often the operation has failed before."""
        return 0 if self.claimed is None else self.claimed.lease.standing.failures


class _Current(threading.local):
    """Of this thread.

    Attributes:
        work: the delivery that Celery carries out.
        prepared: one that was carried out already, of whose end Celery is about to be told.
        declining: whatever is delivered to this thread leads to nothing.
    """

    work: Work | None = None
    prepared: Work | None = None
    declining: bool = False


current = _Current()


@contextmanager
def declining() -> Iterator[None]:
    """Let what is delivered to this thread meanwhile come to its end without anybody asking what it is about."""
    current.declining = True
    try:
        yield
    finally:
        current.declining = False


def work_of(ticket_id: str | None) -> Work | None:
    """The work at hand, if it is this ticket's."""
    work = current.work
    return work if work is not None and work.ticket_id == ticket_id else None
