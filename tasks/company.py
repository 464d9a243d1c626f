"""Hints that are begun in company: one round trip asks for their permits, another claims them; each call is made alone.

Only what may be sent twice (means K and N) has company: when a worker dies, everything that it claimed counts as sent. What
holds a seat among the provider's calls at once has none, for it would hold it while others are called, and neither has
what was lost with its worker before.
"""

import threading
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import psycopg

from ledger.claim import Claimed, claim_all
from ledger.release import later
from ledger.session import BUSY, LOST
from operations.means import Means
from resilience.permit import Permit, Refused
from tasks import hint
from tasks.attempt import Attempt
from tasks.connections import Account, account
from tasks.platform import platform

Delivery = tuple[Any, str, Mapping[str, Any]]  # task, ticket, request


@dataclass(frozen=True, slots=True)
class Begun:
    """One hint whose operation was admitted and claimed in company.

    Attributes:
        permit: None when it was refused.
        claimed: None when there was nothing to claim; an error when what was claimed cannot be read.
    """

    attempt: Attempt
    account: Account
    permit: Permit | None = None
    claimed: Claimed | Exception | None = None


_begun: dict[str, Begun] = {}
_lock = threading.Lock()


def welcomes(task: Any, request: Mapping[str, Any]) -> bool:
    """Whether a delivered message may be begun together with others."""
    bound, about = getattr(task, "bound_kind", None), request.get(hint.HEADER)
    if bound is None or not isinstance(about, Mapping) or about.get("probe"):
        return False
    if about.get("alone") or about.get("lapsed") or hint.is_newer(request):
        return False
    return bound.assurance.means in {Means.KEY, Means.UNIQUE} and not bound.provider.traffic.seats_for(bound.name)


def lane_of(task: Any, request: Mapping[str, Any]) -> tuple[str, str] | None:
    """Provider and tenant of a delivered message; None for a plain task's."""
    bound = getattr(task, "bound_kind", None)
    return None if bound is None else (bound.provider.name, hint.tenant_of(request))


def begin(deliveries: Sequence[Delivery]) -> None:
    """Admit and claim what was delivered; `take` gives each. What could not be begun here is begun alone.

    Nobody is called for it: others wait for each other here, and have nothing to do with a provider that hangs.
    """
    here, asked = platform(), []
    for task, ticket_id, request in {each[1]: each for each in deliveries}.values():
        attempt = Attempt(here, task.bound_kind, ticket_id, hint.tenant_of(request), spare=hint.is_spare(request))
        own = account(here, attempt.bound.provider, attempt.tenant, may_ask=False)
        if own is not None:
            asked.append((attempt, own))
    permits = here.admission.ask_all([attempt.question() for attempt, _ in asked]) if asked else []
    answers = [(attempt, own, permit) for (attempt, own), permit in zip(asked, permits, strict=True)]
    begun = _claimed([(attempt, own, permit) for attempt, own, permit in answers if isinstance(permit, Permit)])
    begun += [Begun(attempt, own) for attempt, own, permit in answers if isinstance(permit, Refused)]
    with _lock:
        for each in begun:
            # Another thread may have begun it a moment ago, by a hint that came twice: what it has claimed is called.
            if isinstance(each.claimed, Claimed) or each.attempt.ticket_id not in _begun:
                _begun[each.attempt.ticket_id] = each


def take(ticket_id: str) -> Begun | None:
    """What was begun for a ticket; once."""
    with _lock:
        return _begun.pop(ticket_id, None)


def part(ticket_ids: Iterable[str]) -> None:
    """Hand back what was begun and will not be carried out."""
    for ticket_id in ticket_ids:
        begun = take(ticket_id)
        if begun is not None and begun.permit is not None and isinstance(begun.claimed, Claimed):
            begun.attempt.abandon(begun.claimed, begun.permit)


def put_off(ticket_ids: Sequence[str], seconds: float) -> None:
    """Hand back what was begun of these; all are hinted at again in so many seconds.

    Raises:
        psycopg.OperationalError: PostgreSQL is away; what is not handed back lapses.
    """
    part(ticket_ids)
    later(platform().ledger, ticket_ids, seconds)


def _claimed(admitted: Sequence[tuple[Attempt, Account, Permit]]) -> list[Begun]:
    wanted = [attempt.wanted(permit, own.name) for attempt, own, permit in admitted]
    found: Sequence[Claimed | Exception | None] = [None] * len(wanted)
    lost = False
    try:
        found = claim_all(platform().ledger, wanted, worker=platform().here) if wanted else []
    except psycopg.Error as error:
        lost = isinstance(error, LOST) and not isinstance(error, BUSY)
        if not lost:  # one of them spoils it; which one shows when each is begun alone
            for (attempt, _, permit), want in zip(admitted, wanted, strict=True):
                attempt.hand_back(permit)
                attempt.let_go(want.token, "not_called")  # kinds are claimed one after the other
            return []
    for (attempt, _, permit), want, claim in zip(admitted, wanted, found, strict=True):
        if not isinstance(claim, Claimed):
            attempt.hand_back(permit)
        if lost:
            attempt.let_go(want.token, "claim_lost")
    return [Begun(*each, claim) for each, claim in zip(admitted, found, strict=True)]
