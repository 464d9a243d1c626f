"""Look at the provider for a person: what it says of one operation now. Nothing is changed, there or here."""

import uuid

from integrations.call import Heard, Line, verdict
from integrations.connection import NotSentError
from integrations.registry import BoundKind
from ledger import accounts
from ledger.history import Sending, sending
from operations.outcome import (
    Absent,
    Accepted,
    Ask,
    Declined,
    Deferred,
    Finding,
    Open,
    Present,
    Succeeded,
    Unclear,
)
from operations.request import Request
from reconciliation.confirm import Asked, confirm
from resilience.admission import Permit, Refused
from resilience.breaker import Verdict
from resilience.clock import boottime
from resilience.traffic import Lane
from tasks.connections import fingerprint
from tasks.platform import Platform

_STILL_OPEN = "found, and still open: it could take effect yet"


def look(platform: Platform, bound: BoundKind, operation_id: uuid.UUID) -> str:
    """What the provider says of an operation now, as half a sentence; or why it was not asked."""
    with platform.ledger.connection() as connection:
        sent = sending(platform.ledger, connection, operation_id)
    if not bound.assurance.means.asks or sent is None or sent.first_sent_at is None:
        return "it cannot be asked" if not bound.assurance.means.asks else "it was never sent"
    if sent.account is None or _account(platform, bound, sent.tenant) != sent.account:
        return "not asked: the credentials in this environment are not known to open the account that it was sent to"
    asked = Asked(sent.arguments, sent.request, sent.key, sent.first_sent_at, sent.reference, sent.declined)
    gate = _Gate(platform, bound, sent)
    return _told(confirm(bound, asked, gate.say).finding)


def _account(platform: Platform, bound: BoundKind, tenant: str) -> str | None:
    """The account that a worker found behind these credentials; whoever looks makes no finding of their own about them.

    Raises:
        ConfigError: one of them is not set.
    """
    credential = fingerprint(platform, bound.provider, tenant)
    with platform.ledger.connection() as connection:
        return accounts.remembered(connection, tenant, bound.provider.name, credential)


class _Gate:
    """Each question has a permit of its own, like every other call; what would change something is not sent."""

    def __init__(self, platform: Platform, bound: BoundKind, sent: Sending) -> None:
        self._admission = platform.admission
        self._bound = bound
        self._lane = Lane(bound.provider.name, sent.tenant, bound.name)
        self._line = Line(platform.registry, platform.transport, bound.provider, sent.tenant)
        self._permit: Permit | None = None

    def say(self, request: Request) -> Heard:
        """Ask one question."""
        if request.writes:
            return Deferred(_STILL_OPEN)
        if (refused := self._permitted()) is not None:
            return Deferred(f"not asked: {refused.reason}")
        heard = self._line.say(request, self._guard)
        assert self._permit is not None
        self._admission.report(self._permit, Verdict.NEUTRAL if isinstance(heard, Deferred) else verdict(heard, None))
        return heard

    def _permitted(self) -> Refused | None:
        answer = self._admission.ask(self._lane, cost=self._bound.section.cost, lease=self._bound.provider.lease)
        if isinstance(answer, Refused):
            return answer
        self._permit = answer
        return None

    def _guard(self) -> None:
        """The permit aged while the connection was made: another one is needed."""
        assert self._permit is not None
        if not self._permit.expired(boottime()):
            return
        self._admission.report(self._permit, Verdict.NEUTRAL)
        if (refused := self._permitted()) is not None:
            raise NotSentError(f"not asked: {refused.reason}")


def _told(finding: Finding | Deferred) -> str:  # noqa: PLR0911  one sentence for each finding
    match finding:
        case Present(outcome=Succeeded(reference=reference) | Accepted(reference=reference)):
            return f"found: {reference or 'it is there'}{_pending(finding)}"
        case Present(outcome=Open()):
            return _STILL_OPEN
        case Present(outcome=Declined(code=code)):
            return f"found: declined ({code})"
        case Absent():
            return "it does not show it (one reading proves nothing yet)"
        case Unclear(why=why):
            return f"no clear answer: {why}"
        case Deferred(reason=reason):
            return reason
        case Ask() | Present():
            return "no clear answer"


def _pending(found: Present) -> str:
    return ", its answer is still to come" if isinstance(found.outcome, Accepted) else ""
