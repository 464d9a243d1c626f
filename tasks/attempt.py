"""Make the next attempt at one operation: admit, claim, call, record. Safe to run twice, late, or not at all."""

import os
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from random import Random
from typing import Any

from billiard.process import current_process

from config import crashpoint
from deadletter.park import letter
from integrations.call import Heard as Exchange
from integrations.call import Line, kept, outcome, verdict
from integrations.connection import NotSentError
from integrations.evidence import normalised
from integrations.registry import BoundKind
from ledger.claim import Claimed, Terms, Wanted, claim
from ledger.record import Entry, Heard, Letter, Pace, write
from ledger.release import release
from ledger.session import LOST, persist
from operations.means import Means
from operations.operation import Purpose
from operations.outcome import (
    Absent,
    Accepted,
    Ask,
    Declined,
    Deferred,
    Effect,
    ErrorClass,
    Failed,
    Finding,
    Open,
    Outcome,
    Present,
    Succeeded,
    Unclear,
)
from operations.request import Reply, Request
from reconciliation.confirm import Asked, Inquiry, confirm
from resilience.breaker import BreakerState, Verdict
from resilience.clock import boottime
from resilience.decide import Around, Decision, Park, decide
from resilience.fleet import CallStorage, FleetBreaker, ProviderDownError
from resilience.permit import Health, Permit, Question, Refused
from resilience.traffic import Lane
from tasks import logs
from tasks.connections import pause_connection
from tasks.held import held
from tasks.moves import note_move
from tasks.platform import Platform

_rng = Random()  # noqa: S311  jitter needs no secrecy
os.register_at_fork(after_in_child=_rng.seed)  # or siblings would wait equally long
_HASTE = 0.25  # seconds that a hint waits for a permit that is nearly due; the sweep comes by twice a second
_waiting = threading.Lock()  # held by the one hint that does: where more come than permits, they are given up at once
_PATIENCE = 3.0  # seconds that a claimed operation waits for the permit of its next request
_UNSAID_PAUSE = 1.0  # seconds that a tenant stays away after a 429 that does not say for how long


@dataclass(frozen=True)
class Done:
    """An attempt that was made and written down.

    Attributes:
        result: what the adapter made of the answer, of a success.
        ours: the operation was still in our hands, or has ended as we say; else what follows is for those who have it.
    """

    claimed: Claimed
    decision: Decision
    outcome: Outcome | Finding
    result: Any = None
    ours: bool = True


def terms_of(bound: BoundKind) -> Terms:
    """On what terms a kind is claimed."""
    return Terms(bound.assurance, bound.provider.lease, bound.provider.limits.total, bound.section.cost)


def pace_of(bound: BoundKind) -> Pace:
    """The times that recording needs to know of a kind."""
    return Pace(bound.policy, bound.assurance.settle, bound.confirm_time)


@dataclass
class Attempt:
    """One attempt at one operation, step by step.

    Args:
        platform: the parts.
        bound: the kind.
        ticket_id: what the hint named.
        tenant: as the hint says; the row's own tenant decides.
        probe: the sweep chose this one to find out if the provider is back.
        alone: nothing else is carried out in this process.
        spare: it has no haste, and leaves a reserve of the provider's limits to live work.
        answered: called when the answer was heard and read, before it is written down.
    """

    platform: Platform
    bound: BoundKind
    ticket_id: str
    tenant: str
    probe: bool = False
    alone: bool = False
    spare: bool = False
    answered: Callable[[], None] | None = None

    @property
    def lane(self) -> Lane:
        """Where its calls count."""
        return Lane(self.bound.provider.name, self.tenant, self.bound.name, self.spare)

    def question(self, patience: float = 0.0) -> Question:
        """What is asked of admission; it comes before the claim, so that a refusal costs the ledger nothing."""
        return Question(
            self.lane,
            self.bound.provider.lease,
            cost=self.bound.section.cost,
            may_probe=self.probe,
            ticket=self.ticket_id,
            patience=patience,
        )

    def admit(self) -> Permit | Refused:
        """Ask for leave, and wait a moment where a limit lets the next call pass: what is given up comes back much later."""
        if not (_first_of_its_pool() and _waiting.acquire(blocking=False)):
            return self.platform.admission.ask_all([self.question()])[0]
        try:
            until = boottime() + _HASTE
            while True:
                answer = self.platform.admission.ask_all([self.question(max(until - boottime(), 0.0))])[0]
                if isinstance(answer, Permit) or not answer.soon:
                    return answer
                time.sleep(max(answer.wait, 0.001) * _rng.uniform(1.0, 1.2))
        finally:
            _waiting.release()

    def wanted(self, permit: Permit, account: str | None) -> Wanted:
        """What is asked of the ledger."""
        return Wanted(self.ticket_id, terms_of(self.bound), permit.trip, account, uuid.uuid4())

    def claim(self, permit: Permit, account: str | None) -> Claimed | None:
        """Take the operation; the permit goes back when there is nothing to take.

        A claim whose answer was lost is handed back before anything is sent: whether it was made is then known.
        """
        token = uuid.uuid4()
        try:
            claimed = claim(
                self.platform.ledger, self.ticket_id, terms_of(self.bound), worker=self.platform.here, trip=permit.trip,
                account=account, token=token, alone=self.alone,
            )  # fmt: skip
        except LOST:
            self.hand_back(permit)
            self.let_go(token, "claim_lost")
            return None
        if claimed is None:
            self.hand_back(permit)
        return claimed

    def hand_back(self, permit: Permit) -> None:
        """The permit was not used: what it holds for itself is free."""
        self.platform.admission.hand_back(permit)

    def call(self, claimed: Claimed, permit: Permit) -> Done:
        """Speak to the provider under the breaker, decide, and write it down; nothing is held open meanwhile."""
        with logs.about(self.bound, claimed, self.ticket_id):
            exchange = _Exchange(self, claimed, permit)
            storage = CallStorage(permit, exchange.report)
            with suppress(
                ProviderDownError
            ):  # the breaker counted it; what it means for the operation is decided below
                FleetBreaker(self.bound.provider.name, storage).call(exchange.speak, storage)
            health = storage.health or Health(None, None)
            note_move(self.platform, self.bound.provider.name, health)
            return self._write(claimed, permit, exchange, health)

    def _write(self, claimed: Claimed, permit: Permit, exchange: "_Exchange", health: Health) -> Done:
        heard = exchange.heard
        around = Around(self.bound.policy, _rng, breaker_closed=health.closed, rounds=claimed.rounds)
        decision = decide(claimed.lease.standing, heard, around)
        filed = self._letter(decision, heard, claimed)
        written = _written(heard, exchange, self.bound)
        if self.answered is not None:
            self.answered()
        entry = Entry(claimed.lease, decision, written, pace_of(self.bound), filed, permit.trip, self.ticket_id)
        ours = True
        if exchange.waits:
            held.add(entry, exchange.permit)  # nothing follows it
        else:
            ours = persist(lambda: write(self.platform.ledger, entry))
        logs.note(claimed, exchange.request, written, decision)
        if exchange.failed is not None and exchange.failed.connection:
            pause_connection(self.platform, self.bound.provider, claimed.lease.tenant, exchange.failed.code)
        return Done(claimed, decision, heard, written.sealed.get("result"), ours)

    def abandon(self, claimed: Claimed, permit: Permit) -> None:
        """Nothing was said and nothing will be: the operation is due again, and the permit free."""
        self.hand_back(permit)
        if claimed.lease.token is not None:
            self.let_go(claimed.lease.token, "not_called")

    def put_off(self, claimed: Claimed, permit: Permit, reason: str, delay: float) -> Done:
        """Give the operation back without a word to the provider, for our own reason."""
        self.hand_back(permit)
        exchange = _Exchange(self, claimed, permit)
        exchange.heard = exchange.exchange = Deferred(reason, delay)
        with logs.about(self.bound, claimed, self.ticket_id):
            return self._write(claimed, permit, exchange, Health(None, None))

    def _letter(self, decision: Decision, heard: Outcome | Finding, claimed: Claimed) -> Letter | None:
        if not isinstance(decision, Park):
            return None
        code = heard.code if isinstance(heard, (Failed, Open, Declined)) else claimed.lease.standing.declined
        message = normalised(heard.message) if isinstance(heard, Failed) else ""
        hold = self.bound.section.hold_for if self.holds(claimed) else None
        return letter(self.bound.provider.name, self.bound.name, decision, code=code, message=message, hold=hold)

    def holds(self, claimed: Claimed) -> bool:
        """Whether a canvas waits for a person when this one dies: a failed chord cannot be revived."""
        return claimed.follows and self.bound.section.on_dead == "hold"

    def let_go(self, token: uuid.UUID, why: str) -> None:
        """Hand a claim back, whether it was made or not."""
        persist(lambda: release(self.platform.ledger, token, why), within=self.bound.provider.lease)


class _Exchange:
    """What is said and heard under one claim, and the checks before each first byte."""

    def __init__(self, attempt: Attempt, claimed: Claimed, permit: Permit) -> None:
        self._attempt = attempt
        self._bound = attempt.bound
        self._claimed = claimed
        self.permit = permit
        self.waits = False  # its outcome is one that may wait for company
        self._line = Line(
            attempt.platform.registry, attempt.platform.transport, attempt.bound.provider, claimed.lease.tenant
        )
        self.heard: Outcome | Finding = Deferred("nothing was said")
        self.request: Request = _the_request(claimed)
        self.exchange: Exchange = Deferred("nothing was said")
        self.failed: Failed | None = None
        self.retry_after: float | None = None

    def speak(self, storage: CallStorage) -> None:
        """Send, or ask; raises for the breaker when the provider is down."""
        if self._claimed.purpose is Purpose.SEND:
            self.exchange = self._line.say(self.request, self._guard)
            self.heard = outcome(self._bound, self.request, self.exchange)
            self.failed = self.heard if isinstance(self.heard, Failed) else None
        elif not self._claimed.lease.standing.assurance.means.asks:
            self.heard = Unclear("the ledger was restored, and there is nothing to ask by")
        else:
            crashpoint.reached("inquiry.before_ask")
            inquiry = self._inquire()
            crashpoint.reached("inquiry.after_finding")
            self.heard, self.request, self.exchange = inquiry.finding, inquiry.request, inquiry.heard
            self.failed = inquiry.failed
        if self.failed is not None and self.failed.error_class is ErrorClass.RATE_LIMITED:
            self.retry_after = self.failed.retry_after if self.failed.retry_after is not None else _UNSAID_PAUSE
        storage.verdict = verdict(self.exchange, self.failed)
        if storage.verdict is Verdict.DOWN:
            raise ProviderDownError(self.heard)

    def report(self, said: Verdict) -> Health:
        """Tell admission how it went; of what waits for company it is told with the others."""
        if self._may_wait(said):
            self.waits = True
            return Health(BreakerState.CLOSED, BreakerState.CLOSED, self.permit.trip)
        if said is Verdict.DOWN:
            held.report()  # what went well before is counted before
        return self._attempt.platform.admission.report(self.permit, said, retry_after=self.retry_after)

    def _may_wait(self, said: Verdict) -> bool:
        """Whether it went as usual, may be sent again, holds no seat, and nothing follows it."""
        claimed, permit = self._claimed, self.permit
        return (
            held.is_open
            and said is Verdict.OK
            and isinstance(self.heard, Succeeded)
            and not claimed.follows
            and claimed.lease.standing.assurance.means in {Means.KEY, Means.UNIQUE}
            and permit.breaker is BreakerState.CLOSED
            and not permit.probe
            and not self._bound.provider.traffic.seats_for(self._bound.name)
        )

    def _inquire(self) -> Inquiry:
        claimed = self._claimed
        asked = Asked(
            claimed.arguments, self.request, claimed.idempotency_key, claimed.first_sent_at,
            claimed.lease.standing.reference, claimed.lease.standing.declined, claimed.effect_until,
        )  # fmt: skip
        first = True

        def say(request: Request) -> Exchange:
            nonlocal first
            permitted = first or self._permitted_again()
            first = False
            return self._line.say(request, self._guard) if permitted else Deferred("no permit for another request", 1.0)

        return confirm(self._bound, asked, say)

    def _permitted_again(self) -> bool:
        """One more request needs one more permit; it is waited for briefly, for the operation is in our hands already."""
        if self.permit.probe:
            return True  # half-open: the probe may finish what it began
        self._attempt.hand_back(self.permit)
        patience = boottime() + _PATIENCE
        while isinstance(answer := self._ask_again(), Refused):
            if boottime() + answer.wait > patience:
                return False
            time.sleep(answer.wait * _rng.uniform(1.0, 1.5))
        self.permit = answer
        return True

    def _ask_again(self) -> Permit | Refused:
        return self._attempt.platform.admission.ask(
            self._attempt.lane, cost=self._bound.section.cost, lease=self._bound.provider.lease
        )

    def _guard(self) -> None:
        """Right before the first byte: is it still ours, still permitted, and still safe to repeat?"""
        now, total = boottime(), self._bound.provider.limits.total
        if now + total > self._claimed.lease_ends:
            raise NotSentError("lease_short")
        closes = self._claimed.key_closes
        if self._claimed.purpose is Purpose.SEND and closes is not None and now > closes:
            raise NotSentError("key_closing")
        if self.permit.expired(now) and not self._permitted_again():
            raise NotSentError("permit_void", self.permit.life)


def _first_of_its_pool() -> bool:
    """Whether this process is a worker's only one, or the first of prefork's children: if all waited, they would be many."""
    return bool(getattr(current_process(), "index", 0) == 0)


def _the_request(claimed: Claimed) -> Request:
    if claimed.request is None:
        raise TypeError(f"{claimed.lease.kind} {claimed.lease.operation_id} has no request: it is not an integration")
    return claimed.request


_NAMES: dict[type, str] = {
    Succeeded: "succeeded",
    Accepted: "accepted",
    Declined: "declined",
    Open: "open",
    Failed: "failed",
    Deferred: "deferred",
    Present: "present",
    Absent: "absent",
    Unclear: "unclear",
    Ask: "ask",
}


def _written(heard: Outcome | Finding, exchange: _Exchange, bound: BoundKind) -> Heard:
    """What was heard, as it is kept."""
    said = heard.outcome if isinstance(heard, Present) else heard
    reply = exchange.exchange if isinstance(exchange.exchange, Reply) else None
    sealed: dict[str, Any] = {"evidence": kept(bound.provider, exchange.request, exchange.exchange)}
    if isinstance(said, (Succeeded, Accepted)) and said.result:
        sealed["result"] = dict(said.result)
    return Heard(
        outcome=_NAMES[type(heard)],
        effect=_effect(said),
        error_class=said.error_class if isinstance(said, Failed) else None,
        status=reply.status if reply else None,
        code=getattr(said, "code", None) or getattr(said, "why", None) or getattr(said, "reason", None),
        message=normalised(getattr(said, "message", "")) or None,
        reference=getattr(said, "reference", None),
        elapsed=getattr(exchange.exchange, "elapsed", None),
        request_id=reply.headers.get("request-id") if reply else None,
        sealed=sealed,
    )


def _effect(said: Outcome | Finding) -> Effect:
    """What this answer says of the effect, alone."""
    match said:
        case Succeeded():
            return Effect.DONE
        case Failed(effect=effect):
            return effect
        case Accepted() | Open() | Unclear():
            return Effect.UNKNOWN
        case _:
            return Effect.NONE
