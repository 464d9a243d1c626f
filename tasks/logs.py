"""A worker's log: set up as ours when Celery would set up its own, and one line for each attempt."""

import logging
from typing import Any

import structlog
from celery.signals import setup_logging

from config import logs
from integrations.registry import BoundKind
from ledger.claim import Claimed
from ledger.record import Heard
from operations.request import Request
from resilience.decide import Decision
from tasks.platform import platform

_attempts = structlog.stdlib.get_logger("lockgate.attempt")
_enabled = logging.getLogger("lockgate.attempt").isEnabledFor


@setup_logging.connect(weak=False)
def set_up(loglevel: Any = None, logfile: str | None = None, **_: Any) -> None:
    """Celery asks who sets up its logging; -l and -f keep their meaning."""
    settings = platform().settings
    logs.set_up(settings.log, settings.secrets(), level=loglevel or logging.INFO, file=logfile)


def about(bound: BoundKind, claimed: Claimed, ticket: str) -> Any:
    """Name the operation in every line of this thread, meanwhile."""
    lease = claimed.lease
    return logs.about(
        tenant=lease.tenant,
        provider=bound.provider.name,
        kind=bound.name,
        operation=lease.operation_id,
        ticket=ticket,
        attempt=lease.fence,
    )


def note(claimed: Claimed, request: Request, heard: Heard, decision: Decision) -> None:
    """The line of one attempt: what was sent, what came of it, how long it took, how it goes on."""
    if not _enabled(logging.INFO):
        return  # the fields alone cost as much as a statement
    _attempts.info(
        "attempt",
        purpose=str(claimed.purpose),
        sent=f"{request.method} {request.path}",
        outcome=heard.outcome,
        error_class=heard.error_class,
        effect=str(heard.effect),
        status=heard.status,
        code=heard.code,
        reference=heard.reference,
        decision=type(decision).__name__.lower(),
        elapsed=heard.elapsed,
    )
