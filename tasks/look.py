"""Look at the provider for a person: what it says of one operation now. Nothing is changed, there or here."""

import time
import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from integrations.call import Heard, Line, verdict
from integrations.connection import NotSentError
from integrations.registry import BoundKind
from ledger import accounts, letters, looks
from ledger.audit import Order
from ledger.history import Sending, sending
from ledger.looks import Look
from operations.errors import NotAllowedError
from operations.outcome import (
    Absent,
    Accepted,
    Ask,
    Declined,
    Deferred,
    Effect,
    Finding,
    Open,
    Present,
    Succeeded,
    Unclear,
)
from operations.request import Request
from reconciliation.confirm import Asked, confirm
from resilience.breaker import Verdict
from resilience.clock import boottime
from resilience.permit import Permit, Refused
from resilience.traffic import Lane
from tasks.connections import fingerprint
from tasks.platform import Platform

_PATIENCE = 4.0  # seconds that a person waits for a turn among live work
_STILL_OPEN = "found, and still open: it could take effect yet"
_RATE = "rate:"  # before the name of a limit
_A_MOMENT = 0.05
_NOT_ASKED: Mapping[str, Any] = {"found": "not asked"}


@dataclass(frozen=True, slots=True)
class Seen:
    """What a look came to: `said` for people, `there` for a comparison, see `ledger.looks.Look`."""

    said: str
    there: Mapping[str, Any]


def ask(platform: Platform, letter_id: int, order: Order) -> Look:
    """Ask the provider of a dead letter what it shows now, and keep that beside what stands here. Nothing else is changed.

    Raises:
        NotAllowedError: there is no such letter.
        ConfigError: the tenant's credentials are not set here.
    """
    with platform.ledger.connection() as connection:
        dead = letters.look(connection, letter_id)
    if dead is None:
        raise NotAllowedError(
            f"there is no dead letter dl_{letter_id}: `lockgate deadletter list` shows those there are"
        )
    bound = platform.registry.kinds.get(dead.kind)
    seen = Seen("it cannot be asked", _NOT_ASKED) if bound is None else see(platform, bound, dead.id)
    here = {"state": dead.state, "effect": dead.effect, "reference": dead.reference, "code": dead.code}
    with platform.ledger.connection() as connection:
        return looks.add(connection, dead.id, actor=order.actor, said=seen.said, here=here, there=seen.there)


def see(platform: Platform, bound: BoundKind, operation_id: uuid.UUID) -> Seen:
    """What the provider says of an operation now, or why it was not asked."""
    with platform.ledger.connection() as connection:
        sent = sending(platform.ledger, connection, operation_id)
    if not bound.assurance.means.asks or sent is None or sent.first_sent_at is None:
        return Seen("it cannot be asked" if not bound.assurance.means.asks else "it was never sent", _NOT_ASKED)
    if sent.account is None or _account(platform, bound, sent.tenant) != sent.account:
        return Seen(
            "not asked: the credentials in this environment are not known to open the account that it was sent to",
            _NOT_ASKED,
        )
    asked = Asked(
        sent.arguments, sent.request, sent.key, sent.first_sent_at, sent.reference, sent.declined, sent.effect_until
    )
    gate = _Gate(platform, bound, sent)
    finding = confirm(bound, asked, gate.say).finding
    return Seen(_told(finding), _there(finding))


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
            return Deferred(_refused(refused))
        heard = self._line.say(request, self._guard)
        assert self._permit is not None
        self._admission.report(self._permit, Verdict.NEUTRAL if isinstance(heard, Deferred) else verdict(heard, None))
        return heard

    def _permitted(self) -> Refused | None:
        """Live work may have used up this second; a person waits for the next, and for no breaker."""
        until = boottime() + _PATIENCE
        while True:
            answer = self._admission.ask(self._lane, cost=self._bound.section.cost, lease=self._bound.provider.lease)
            if not isinstance(answer, Refused):
                self._permit = answer
                return None
            if not answer.reason.startswith(_RATE) or boottime() + answer.wait > until:
                return answer
            time.sleep(max(answer.wait, _A_MOMENT))

    def _guard(self) -> None:
        """The permit aged while the connection was made: another one is needed."""
        assert self._permit is not None
        if not self._permit.expired(boottime()):
            return
        self._admission.hand_back(self._permit)
        if (refused := self._permitted()) is not None:
            raise NotSentError(_refused(refused))


def _refused(refused: Refused) -> str:
    if refused.reason.startswith(_RATE):
        return f"not asked: live work uses up its limit of {refused.reason.removeprefix(_RATE)}; ask again in a moment"
    if refused.reason == "breaker":
        return "not asked: its breaker is open, for it does not answer, or somebody holds it open"
    return "not asked: Redis cannot be reached, and without it nothing is sent"


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


def _there(finding: Finding | Deferred) -> dict[str, Any]:  # noqa: PLR0911  one for each finding
    """The same for a comparison; what a finding does not tell is left out."""
    match finding:
        case Present(outcome=Succeeded(reference=reference)):
            return {"found": "present", "effect": Effect.DONE, "reference": reference}
        case Present(outcome=Accepted(reference=reference)):
            return {"found": "pending", "effect": Effect.UNKNOWN, "reference": reference}
        case Present(outcome=Open(reference=reference, code=code)):
            return {"found": "open", "effect": Effect.UNKNOWN, "reference": reference, "code": code}
        case Present(outcome=Declined(code=code)):
            return {"found": "declined", "effect": Effect.NONE, "code": code}
        case Absent():
            return {"found": "absent", "effect": Effect.NONE}
        case Deferred(reason=reason):
            return {"found": "open", "effect": Effect.UNKNOWN} if reason == _STILL_OPEN else dict(_NOT_ASKED)
        case _:
            return {"found": "unclear"}


def _pending(found: Present) -> str:
    return ", its answer is still to come" if isinstance(found.outcome, Accepted) else ""
