"""Did it happen? Ask the provider, and follow its answers until they settle it or prove nothing."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from integrations.call import MISREAD, Heard, failure
from integrations.registry import BoundKind
from operations.outcome import Ask, Deferred, Failed, Finding, Unclear
from operations.request import Reply, Request, Sent, Silence

_log = logging.getLogger(__name__)
_MOST_REQUESTS = 20  # pages and follow-ups of one inquiry; beyond them it proves nothing this time


@dataclass(frozen=True, slots=True)
class Inquiry:
    """An inquiry as it went: its finding, and the last exchange as evidence.

    Attributes:
        failed: what kept the last request from an answer, if something did.
    """

    finding: Finding | Deferred
    request: Request
    heard: Heard
    failed: Failed | None = None


@dataclass(frozen=True, slots=True)
class Asked:
    """What is asked about."""

    arguments: Any
    request: Request
    key: str
    first_sent_at: datetime
    reference: str | None
    declined: str | None
    effect_until: datetime | None = None

    def sent(self) -> Sent:
        """As adapters know it."""
        return Sent(
            self.arguments, self.request, self.key, self.first_sent_at, self.reference, self.declined, self.effect_until
        )


def confirm(bound: BoundKind, asked: Asked, say: Callable[[Request], Heard]) -> Inquiry:
    """Ask the provider about one operation.

    Args:
        bound: its kind.
        asked: what is known of it.
        say: sends one request; each one has a permit of its own.
    """
    sent = asked.sent()
    request = bound.kind.inquiry(sent)
    for number in range(_MOST_REQUESTS):
        heard = say(request)
        if isinstance(heard, Deferred) and number > 0:
            break  # it has read all that a lease allows, and would as well the next time: that is a round, and no delay
        if isinstance(heard, Deferred):
            return Inquiry(heard, request, heard)
        if isinstance(heard, Silence):
            return Inquiry(Unclear(heard.code), request, heard)
        inquiry = _read(bound, sent, request, heard)
        if not isinstance(inquiry.finding, Ask):
            return inquiry
        request = inquiry.finding.request
    return Inquiry(Unclear("more pages than one inquiry can read"), request, heard)


def _read(bound: BoundKind, sent: Sent, request: Request, reply: Reply) -> Inquiry:
    try:
        finding = bound.kind.finding(sent, reply)
    except MISREAD:
        _log.exception("%s cannot read the answer to its inquiry, status %s", bound.name, reply.status)
        finding = Unclear("adapter_error")
    if not isinstance(finding, Unclear):
        return Inquiry(finding, request, reply)
    failed = failure(bound.provider, reply)
    return Inquiry(Unclear(f"{finding.why}: {failed.code}", failed.retry_after), request, reply, failed)
