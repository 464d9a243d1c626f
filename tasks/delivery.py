"""A message was delivered: what does the row say? And when the work is done: what follows it?

1. A hint without a row is dropped: its transaction was rolled back. A message from elsewhere is accepted first.
2. An integration operation is admitted, claimed, called and recorded before Celery hears of an outcome.
3. A plain task is claimed, run by Celery, and recorded before Celery goes on.
4. An operation that has ended, while what follows it is not known to be sent, is not carried out: only what follows is.
5. What follows is sent by Celery; when all of it was, the ticket is finalised.
"""

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

from celery.exceptions import Reject, Retry

from config import crashpoint
from ledger.claim import Claimed, claim
from ledger.follow import ended, finalise
from ledger.lanes import LOCAL
from ledger.session import LOST
from operations.errors import DeadLettered, Declined
from operations.states import State
from resilience.decide import Confirm, Decision, Park, Settle
from resilience.decide import Retry as Again
from resilience.permit import Permit, Refused
from tasks import company, hint, plain, suspect
from tasks.attempt import Attempt, Done
from tasks.canvas_ids import with_ids
from tasks.connections import Account, account
from tasks.current import Work, current
from tasks.draft import unpacked
from tasks.foreign import take_in
from tasks.platform import platform
from tasks.results import failure_of, value_of

_OTHER_ACCOUNT_WAIT = 300.0  # seconds before it is looked at again whether the right account is back
_CUT_OFF = 1.0  # seconds for which a slot without a ledger takes no other hint: it must not eat all of them


@dataclass
class Delivered:
    """What Celery's tracer goes on with."""

    args: Any
    kwargs: Any
    request: dict[str, Any]


@contextmanager
def received(
    task: Any, ticket_id: str, args: Any, kwargs: Any, request: Mapping[str, Any]
) -> Iterator[Delivered | None]:
    """Decide what a delivered message means; afterwards, finalise what was followed to its end.

    Yields:
        None when there is nothing to do.
    """
    if not hint.is_hint(request):
        take_in(task, ticket_id, args, kwargs, request)
    prepared, current.prepared = current.prepared, None
    work = prepared or _begun(task, ticket_id, request)
    if work is None:
        yield None
        return
    before, current.work = current.work, work
    try:
        yield _restored(work, args, kwargs, request)
    finally:
        current.work = before
        finish(work)


def in_silence(task: Any, ticket_id: str, request: Mapping[str, Any]) -> Work | None:
    """Carry out a hint for an integration task while Celery does not listen.

    Returns:
        What Celery goes on with, as `current.prepared`: what must be called within its signals, for something follows, or
        has ended otherwise than well. None when there is nothing to tell.
    """
    work = _begun(task, ticket_id, request)
    if work is None or work.message is not None or work.follows or work.value is not None:
        return work
    assert work.attempt is not None
    assert work.claimed is not None
    assert work.permit is not None
    permit, work.permit = work.permit, None
    try:
        _conclude(work, work.attempt.call(work.claimed, permit))
    except Exception as error:  # noqa: BLE001  Celery tells it
        work.value = error
    return None if work.settled == State.SUCCEEDED else work


def carry_out(task: Any, work: Work, run: Callable[[], Any]) -> Any:
    """Between Celery's signals: make the outcome, or give back the one that is written."""
    if work.claimed is not None and work.attempt is None:
        return plain.run(task, work, run)
    if work.attempt is not None and work.claimed is not None and work.permit is not None:
        permit, work.permit = work.permit, None  # from here on the call itself reports it
        _conclude(work, work.attempt.call(work.claimed, permit))
    work.dispatching = True
    if isinstance(work.value, Reject):
        plain.send_what_follows_a_rejection(task, work)
    if isinstance(work.value, BaseException):
        raise work.value
    return work.value


def attempt_here(task: Any, ticket_id: str, request: Mapping[str, Any]) -> bool:
    """Make the next attempt in the caller's own process; False when it led to none. What follows is left to a worker."""
    work = _begin(task, ticket_id, request)
    if work is None or work.attempt is None or work.claimed is None or work.permit is None:
        return False
    work.attempt.call(work.claimed, work.permit)
    return True


def _begun(task: Any, ticket_id: str, request: Mapping[str, Any]) -> Work | None:
    if current.declining or (hint.is_hint(request) and hint.is_newer(request)):
        return None
    try:
        return _begin(task, ticket_id, request)
    except LOST:
        time.sleep(_CUT_OFF)
        return None  # the ledger is away: the row is as it was, and the sweep hints again


def _begin(task: Any, ticket_id: str, request: Mapping[str, Any]) -> Work | None:
    bound = getattr(task, "bound_kind", None)
    if bound is None:
        claimed = claim(platform().ledger, ticket_id, plain.TERMS, worker=platform().here)
        work = None if claimed is None else _work(ticket_id, claimed)
    elif hint.is_alone(request):
        suspect.carry_out(task, ticket_id, request)
        work = None  # what came of it is in the row
    else:
        begun = company.take(ticket_id)
        if begun is None:
            probe = bool((request.get(hint.HEADER) or {}).get("probe"))
            tenant, spare = hint.tenant_of(request), hint.is_spare(request)
            work = admitted(Attempt(platform(), bound, ticket_id, tenant, probe=probe, spare=spare))
        else:
            work = _joined(begun)
    return work or _follow_up(ticket_id)


def admitted(attempt: Attempt) -> Work | None:
    """Admit, then claim; None when this hint leads to no attempt."""
    own = account(
        attempt.platform, attempt.bound.provider, attempt.tenant, may_probe=attempt.probe, ticket=attempt.ticket_id
    )
    if own is None:
        return None
    permit = attempt.admit()
    if isinstance(permit, Refused):
        return None
    claimed = attempt.claim(permit, own.name)
    return None if claimed is None else _under_way(attempt, own, permit, claimed)


def _joined(begun: company.Begun) -> Work | None:
    """What was admitted and claimed together with others."""
    if isinstance(begun.claimed, Exception):
        raise begun.claimed
    if begun.permit is None or begun.claimed is None:
        return None
    return _under_way(begun.attempt, begun.account, begun.permit, begun.claimed)


def _under_way(attempt: Attempt, own: Account, permit: Permit, claimed: Claimed) -> Work:
    work = _work(attempt.ticket_id, claimed)
    if claimed.account != own.name:
        _conclude(work, attempt.put_off(claimed, permit, "other_account", _OTHER_ACCOUNT_WAIT))
        work.attempt = attempt  # it was made, as far as it goes
        return work
    work.attempt, work.permit = attempt, permit
    return work


def _work(ticket_id: str, claimed: Claimed) -> Work:
    lease = claimed.lease
    return Work(ticket_id, lease.tenant, claimed, message=claimed.message, follows=claimed.follows, fence=lease.fence)


def _follow_up(ticket_id: str) -> Work | None:
    """The operation has ended, and what follows this ticket is not known to be sent."""
    found = ended(platform().ledger, ticket_id)
    if found is None or found.finalised or not found.follows or found.held:
        return None
    if not State(found.state).ended or (found.state == State.SUPERSEDED and found.provider == LOCAL):
        return None
    value = value_of(found) if found.state == State.SUCCEEDED else failure_of(found)
    return Work(
        ticket_id,
        found.tenant,
        message=found.message,
        follows=True,
        settled=found.state,
        value=value,
        fence=found.fence,
    )


def _restored(work: Work, args: Any, kwargs: Any, request: Mapping[str, Any]) -> Delivered:
    """The message as it was published, with links, chain and chord, in place of the hint."""
    full = dict(request)
    if work.message is not None:
        headers, properties, (args, kwargs, embed) = unpacked(work.message)
        full.update(headers)
        full.update(with_ids(embed, work.ticket_id))
        full["properties"] = {**(full.get("properties") or {}), **properties}
        full.update({name: properties[name] for name in ("reply_to", "correlation_id") if name in properties})
        full["delivery_info"] = {**(full.get("delivery_info") or {}), "priority": properties.get("priority")}
    if work.claimed is not None and work.claimed.lease.fence > 1:
        full["delivery_info"] = {**(full.get("delivery_info") or {}), "redelivered": True}
    full["args"], full["kwargs"] = args, kwargs
    return Delivered(args, kwargs, full)


def _conclude(work: Work, done: Done) -> None:
    """An integration attempt was recorded: what Celery goes on with."""
    decision = done.decision
    operation_id = str(done.claimed.lease.operation_id)
    match decision:
        case _ if not done.ours:  # what follows is sent from the row, as it stands then
            work.value = Retry("in other hands")
        case Settle(state=State.SUCCEEDED):
            work.settled = State.SUCCEEDED
            work.value = {
                "id": operation_id,
                "state": str(State.SUCCEEDED),
                "effect": str(decision.effect),
                "reference": decision.reference,
                "result": done.result,
            }
        case Settle(state=state, code=code):
            work.settled = state
            work.value = Declined(code or "", operation_id)
        case Park(reason=reason, effect=effect) if work.attempt is not None and work.attempt.holds(done.claimed):
            work.value = Retry(f"DEAD_LETTER: {reason}, effect {effect}")
        case Park(reason=reason, effect=effect):
            work.settled = State.DEAD
            work.value = DeadLettered(str(effect), reason, operation_id)
        case _:
            work.value = Retry(_why(decision))


def _why(decision: Decision) -> str:
    match decision:
        case Again(reason=reason):
            return f"waiting: {reason}"
        case Confirm():
            return "unconfirmed: the provider is asked first"
        case _:
            return "awaiting the provider's answer"


def finish(work: Work) -> None:
    """Hand back what was not called; note what was followed to its end."""
    if work.attempt is not None and work.claimed is not None and work.permit is not None:
        work.attempt.abandon(work.claimed, work.permit)
    if work.follows and work.followed and work.settled is not None:
        with suppress(*LOST):  # noted later: what follows has fixed ids, and is dropped the second time
            crashpoint.reached("follow.before_finalise")
            finalise(
                platform().ledger, work.ticket_id, work.tenant, fence=work.fence, state=work.settled,
                children=work.children,
            )  # fmt: skip
            crashpoint.reached("follow.after_finalise")
