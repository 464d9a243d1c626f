"""Take one operation to make the next attempt at it: a lease, a fence and the intent, in one statement."""

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from config import crashpoint
from ledger.lanes import LOCAL
from ledger.seal import SealError
from ledger.session import Ledger
from operations.means import Assurance, Means
from operations.operation import POISON, SUSPECT, Purpose, Standing
from operations.outcome import Effect
from operations.request import Request
from operations.states import DUE, State
from resilience.clock import Clock, boottime


@dataclass(frozen=True, slots=True)
class Terms:
    """On what terms a kind's operations are claimed; seconds.

    Attributes:
        lease: for how long they are ours; longer than any call.
        total: a call's total deadline.
        cost: what a call uses of the limits, for rebuilding them.
    """

    assurance: Assurance
    lease: float
    total: float
    cost: float = 1.0

    @property
    def margin(self) -> float:
        """Seconds by which we stay inside a provider's retention: the call may take its total, and clocks differ."""
        return self.total + min(60.0, 0.1 * self.assurance.kept_for)


@dataclass(frozen=True, slots=True)
class Lease:
    """What entitles to write an operation's next state: the state that it was seen in, under one fence.

    Attributes:
        state: calling, for who claimed it; another, for the sweep that judges it between attempts.
        token: of the claim; None between attempts.
    """

    operation_id: uuid.UUID
    tenant: str
    provider: str
    kind: str
    fence: int
    standing: Standing
    state: State = State.CALLING
    token: uuid.UUID | None = None


@dataclass(frozen=True, slots=True)
class Claimed:
    """An operation in our hands until the lease ends.

    Attributes:
        ticket_id: the ticket under which it is carried out now.
        lease_ends: BOOTTIME; counted from before the claim was issued.
        key_closes: BOOTTIME after which the provider may have forgotten the idempotency key; None when it cannot.
        first_sent_at: PostgreSQL's time; the first since the provider began to keep our key, where it forgets them.
        effect_until: PostgreSQL's time after which what has been sent cannot have had its effect any more; None when that is
            not known.
        rounds: inquiries before this attempt.
        message: the Celery message kept with the ticket, if it holds more than the hint.
        follows: whether something follows its end, for this ticket.
    """

    lease: Lease
    ticket_id: str
    lease_ends: float
    key_closes: float | None
    first_sent_at: datetime
    effect_until: datetime | None
    account: str | None
    idempotency_key: str
    business_key: str | None
    arguments: Mapping[str, Any]
    request: Request | None
    rounds: int
    message: Mapping[str, Any] | None
    follows: bool

    @property
    def purpose(self) -> Purpose:
        """Why the attempt is made."""
        return self.lease.standing.purpose


_CLAIMABLE = f"{{{','.join(sorted(DUE))}}}"  # as PostgreSQL writes it: making it of a list takes longer

# Written so that every plan of it reads rows by their keys, also one that was made when the ledger was nearly empty and any
# index looked as good as another: the states are a value, so that no index of what is due fits, and each table that is
# joined is narrowed to a handful of keys by itself.
_CLAIM = """
WITH named AS MATERIALIZED (
    SELECT t.id AS hinted, t.operation_id, t.sealed AS message, t.follows, w.claim, w.trip, w.own
    FROM unnest(%(ticket_ids)b::text[], %(tokens)b::uuid[], %(trips)b::bigint[], %(accounts)b::text[])
        AS w (ticket_id, claim, trip, own)
    JOIN lockgate.tickets t ON t.id = w.ticket_id
    WHERE t.id = ANY(%(ticket_ids)b)
), claimed AS (
    UPDATE lockgate.operations o SET
        state = 'calling',
        purpose = CASE
            WHEN o.state = 'awaiting' THEN 'await'
            WHEN o.state = 'unconfirmed' OR {doubt} THEN 'inquire'
            WHEN o.effect = 'unknown' AND coalesce(o.send_until, '-infinity') < statement_timestamp() THEN 'inquire'
            ELSE 'send' END,
        effect = CASE WHEN o.state = 'waiting' AND o.effect = 'none' AND {doubt} THEN 'unknown' ELSE o.effect END,
        cleared = (SELECT restores FROM lockgate.ledger),
        fence = o.fence + 1,
        lease_token = n.claim,
        lease_until = statement_timestamp() + %(lease)s * interval '1 second',
        worker = %(worker)s,
        hinted_at = NULL,
        failures = o.failures + (o.pending_trip IS NOT NULL AND o.pending_trip = n.trip)::int,
        pending_trip = NULL,
        account = coalesce(o.account, n.own),
        first_sent_at = CASE WHEN o.state <> 'waiting' THEN o.first_sent_at
            -- with a key's new retention: what was sent under the last one was asked about before, and each requeue would
            -- otherwise make an inquiry read more
            WHEN o.effect = 'none' AND NOT {doubt} AND %(kept_for)s > 0 AND o.send_until < statement_timestamp()
                THEN statement_timestamp()
            ELSE least(o.first_sent_at, {sent}) END,
        send_until = CASE WHEN o.state = 'waiting' AND %(kept_for)s > 0
            AND (o.send_until IS NULL OR (o.effect = 'none' AND o.send_until < statement_timestamp()))
            THEN {sent} + (%(kept_for)s - %(margin)s) * interval '1 second' ELSE o.send_until END
    FROM named n
    WHERE o.id = n.operation_id AND o.id = ANY(ARRAY(SELECT operation_id FROM named))
        AND o.state = ANY(%(claimable)s::text[]) AND o.reason IS DISTINCT FROM 'exhausted'
        AND o.due_at <= statement_timestamp()
        AND (o.crashes < %(suspect)s OR %(alone)s OR o.provider = 'local')
        AND (o.state <> 'waiting' OR (
            o.revoked_at IS NULL
            AND coalesce(o.expires_at, 'infinity') > statement_timestamp()
            AND o.deadline_at > statement_timestamp() + %(total)s * interval '1 second'
            AND (%(calm)s OR (SELECT calm_until FROM lockgate.ledger) < statement_timestamp())))
        AND NOT EXISTS (
            SELECT FROM lockgate.pauses p WHERE p.lifted_at IS NULL AND p.provider = o.provider
            AND coalesce(p.tenant, o.tenant) = o.tenant AND coalesce(p.kind, o.kind) = o.kind)
    RETURNING o.*, n.hinted, n.message, n.follows
), intent AS (
    INSERT INTO lockgate.attempts (operation_id, number, purpose, lane_id, cost, worker, lease_until)
    SELECT id, fence, purpose, lane_id, %(cost)s, worker, lease_until FROM claimed
)
SELECT c.id, c.tenant, c.provider, c.kind, c.fence, c.purpose, c.effect, c.failures, c.frozen, c.reference, c.code,
    extract(epoch FROM statement_timestamp() - c.absent_at)::float8,
    extract(epoch FROM greatest(c.settle_from, (SELECT calm_until FROM lockgate.ledger), statement_timestamp())
        - statement_timestamp())::float8,
    extract(epoch FROM c.send_until - statement_timestamp())::float8,
    c.first_sent_at, {effect_until}, c.account, c.idempotency_key, c.business_key, c.inquiries, c.crashes,
    (SELECT sealed FROM lockgate.bodies WHERE operation_id = c.id),
    c.message, c.follows, c.hinted
FROM claimed c
"""
# After a restore (see `ledger.restored`) what waits may have been sent all the same, since the moment that was restored: it
# is asked about before anything is sent, once.
_DOUBT = "(o.provider <> 'local' AND o.cleared < (SELECT restores FROM lockgate.ledger))"
_SENT = f"(CASE WHEN {_DOUBT} THEN (SELECT restored_to FROM lockgate.ledger) ELSE statement_timestamp() END)"  # noqa: S608  ours
#: After this, nothing of what was sent can have had its effect any more; null while no send has ended.
EFFECT_UNTIL = (
    "(CASE WHEN settle_from IS NOT NULL "
    "THEN greatest(settle_from, first_sent_at, (SELECT calm_until FROM lockgate.ledger)) END)"
)
_CLAIM = _CLAIM.format(doubt=_DOUBT, sent=_SENT, effect_until=EFFECT_UNTIL)


@dataclass(frozen=True, slots=True)
class Wanted:
    """One operation to be claimed; see `claim`."""

    ticket_id: str
    terms: Terms
    trip: int
    account: str | None
    token: uuid.UUID
    alone: bool = False


def claim(
    ledger: Ledger, ticket_id: str, terms: Terms, *, worker: str, trip: int = -1, account: str | None = None,
    token: uuid.UUID | None = None, alone: bool = False, clock: Clock = boottime,
) -> Claimed | None:  # fmt: skip
    """Take the operation that a ticket stands for, with the intent written before the first byte.

    Args:
        ledger: where.
        ticket_id: what the hint named.
        terms: the kind's.
        trip: the breaker's trip under which we were admitted; an earlier failure of the same trip now counts.
        account: the provider's account that our credentials open; frozen with the first attempt.
        token: names this claim, so that it can be handed back when its answer is lost.
        worker: who we are.
        alone: nothing else is carried out in this process: it may take what took others down.
        clock: BOOTTIME.

    Returns:
        None when it is settled, not due, held back, or in other hands.

    Raises:
        psycopg.OperationalError: PostgreSQL went away; the claim may have been made, see `ledger.release.release`.
        ledger.seal.SealError: what was claimed cannot be read.
    """
    wanted = Wanted(ticket_id, terms, trip, account, token or uuid.uuid4(), alone)
    found = claim_all(ledger, [wanted], worker=worker, clock=clock)[0]
    if isinstance(found, Exception):
        raise found
    return found


def claim_all(
    ledger: Ledger, wanted: Sequence[Wanted], *, worker: str, clock: Clock = boottime
) -> list[Claimed | Exception | None]:
    """Take several operations whose calls begin now, those of a kind in one statement.

    Only what may be sent twice is claimed in company: should the worker die, all of it counts as sent.

    Returns:
        For each what `claim` returns, or the error when what was claimed cannot be read.

    Raises:
        psycopg.OperationalError: PostgreSQL went away; the claims may have been made, see `ledger.release.release`.
    """
    asked_at = clock()
    crashpoint.reached("claim.before_commit")
    claimed: dict[str, Claimed | Exception] = {}
    with ledger.connection() as connection:
        for group in _by_terms(wanted):
            named = {each.ticket_id: each for each in group}
            for row in connection.execute(_CLAIM, _values(group, worker)):
                claimed[row[-1]] = _read(ledger, row, named[row[-1]], asked_at)
    if claimed:
        crashpoint.reached("claim.after_commit")
    return [claimed.get(each.ticket_id) for each in wanted]


def _by_terms(wanted: Sequence[Wanted]) -> Iterable[Sequence[Wanted]]:
    """Two groups with something in common lock it in the same order."""
    groups: dict[tuple[Terms, bool], list[Wanted]] = {}
    for each in sorted(wanted, key=lambda each: each.ticket_id):
        groups.setdefault((each.terms, each.alone), []).append(each)
    return groups.values()


def _values(group: Sequence[Wanted], worker: str) -> dict[str, Any]:
    terms = group[0].terms
    return {
        "ticket_ids": [each.ticket_id for each in group],
        "tokens": [each.token for each in group],
        "trips": [each.trip for each in group],
        "accounts": [each.account for each in group],
        "claimable": _CLAIMABLE,
        "suspect": SUSPECT,
        "alone": group[0].alone,
        "worker": worker,
        "lease": terms.lease,
        "total": terms.total,
        "cost": terms.cost,
        "kept_for": terms.assurance.kept_for if terms.assurance.means is Means.KEY else 0.0,
        "margin": terms.margin,
        "calm": terms.assurance.means in {Means.KEY, Means.UNIQUE},
    }


def _read(ledger: Ledger, row: tuple[Any, ...], wanted: Wanted, asked_at: float) -> Claimed | Exception:
    try:
        return _claimed(ledger, row, wanted, asked_at=asked_at)
    except (SealError, ValueError, KeyError, TypeError) as error:
        return error


def _claimed(ledger: Ledger, row: tuple[Any, ...], wanted: Wanted, *, asked_at: float) -> Claimed:
    terms, ticket_id = wanted.terms, wanted.ticket_id
    (
        operation_id, tenant, provider, kind, fence, purpose, effect, failures, frozen, reference, code, absent_for,
        settle_left, key_left, first_sent_at, effect_until, account, idempotency_key, business_key, rounds, crashes,
        body, message, follows, _,
    ) = row  # fmt: skip
    opened = ledger.sealer.open(body, column="bodies", tenant=tenant, row=str(operation_id))
    standing = Standing(
        purpose=Purpose.SEND if purpose == "send" else Purpose.INQUIRE,
        assurance=terms.assurance,
        effect=Effect(effect),
        failures=failures,
        awaiting=purpose == "await",
        frozen=frozen,
        reference=reference,
        declined=code,
        absent_for=absent_for,
        settle_left=settle_left,
        poison=crashes >= POISON and provider != LOCAL,
    )
    return Claimed(
        lease=Lease(operation_id, tenant, provider, kind, fence, standing, token=wanted.token),
        ticket_id=ticket_id,
        lease_ends=asked_at + terms.lease,
        key_closes=None if key_left is None else asked_at + key_left,
        first_sent_at=first_sent_at,
        effect_until=effect_until,
        account=account,
        idempotency_key=idempotency_key,
        business_key=business_key,
        arguments=opened["arguments"],
        request=Request.from_json(opened["request"]) if opened["request"] else None,
        rounds=rounds,
        message=open_message(ledger, message, tenant, ticket_id),
        follows=follows,
    )


def open_message(ledger: Ledger, sealed: bytes | None, tenant: str, ticket_id: str) -> Mapping[str, Any] | None:
    """The Celery message that was kept with a ticket."""
    if sealed is None:
        return None
    message: Mapping[str, Any] = ledger.sealer.open(sealed, column="tickets", tenant=tenant, row=ticket_id)
    return message


def kept_message(ledger: Ledger, ticket_id: str) -> Mapping[str, Any] | None:
    """The Celery message that was kept with a ticket, by its id; None where there is neither."""
    with ledger.connection() as connection:
        row = connection.execute(
            "SELECT t.sealed, o.tenant FROM lockgate.tickets t JOIN lockgate.operations o ON o.id = t.operation_id "
            "WHERE t.id = %s",
            [ticket_id],
        ).fetchone()
    return None if row is None else open_message(ledger, row[0], row[1], ticket_id)
