"""Write down what an attempt came to: evidence, state and dead letter, in one transaction.

The fence guards the state, never the evidence. A reply that comes after its lease was taken back is added all the same, and
when it proves the effect it settles the operation, or closes its dead letter.
"""

import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, assert_never

from config import crashpoint
from ledger.claim import Lease
from ledger.late import settle_late
from ledger.session import Connection, Ledger
from ledger.text import storable
from operations.operation import POISON, Purpose, RetryPolicy
from operations.outcome import Effect, ErrorClass
from operations.states import State
from resilience.decide import Await, Confirm, Decision, Park, Retry, Settle


@dataclass(frozen=True, slots=True)
class Heard:
    """What one attempt heard, as it is kept.

    Attributes:
        outcome: the name of the outcome or finding.
        effect: of this attempt alone.
        message: normalised; nothing personal.
        sealed: evidence (redacted) and result; encrypted.
        crashes: claims in a row that were lost with their worker, if this one was; an answer to a send begins anew, one to
            an inquiry forgets the inquiries.
        reply_id: chosen by who heard it, so that writing it twice adds it once.
    """

    outcome: str
    effect: Effect
    error_class: ErrorClass | None = None
    status: int | None = None
    code: str | None = None
    message: str | None = None
    reference: str | None = None
    elapsed: float | None = None
    request_id: str | None = None
    sealed: Mapping[str, Any] = field(default_factory=dict)
    crashes: int | None = None
    reply_id: uuid.UUID = field(default_factory=uuid.uuid4)


@dataclass(frozen=True, slots=True)
class Letter:
    """What a dead letter is filed under."""

    fingerprint: str
    message: str | None = None
    code: str | None = None
    hold: float | None = None  # seconds for which a canvas waits for a person's decision
    closed_by: str | None = None  # who wanted it so; nobody need look at it


_REPLY = """
INSERT INTO lockgate.replies (operation_id, number, id, outcome, error_class, effect, status, code, message, reference,
    elapsed, request_id, sealed)
SELECT %(operation_id)s, %(fence)s, %(reply_id)s, %(outcome)s, %(reply_class)s, %(reply_effect)s, %(status)s,
    %(reply_code)s, %(message)s, %(reply_reference)s, %(elapsed)s, %(request_id)s, %(sealed)s
{where}
ON CONFLICT DO NOTHING
"""

# The reply is added with what follows from it: of an operation in other hands, by `late`.
_RECORD = """
WITH moved AS (
    UPDATE lockgate.operations o SET
        state = %(state)s,
        reason = %(reason)s,
        effect = %(effect)s,
        error_class = %(error_class)s,
        failures = %(failures)s,
        pending_trip = %(pending_trip)s,
        inquiries = o.inquiries + %(inquired)s::int,
        crashes = coalesce(%(crashes)s, CASE
            WHEN o.crashes = 0 OR o.purpose IS NULL OR %(outcome)s = 'deferred'
                OR (o.crashes >= %(poison)s AND o.provider <> 'local') THEN o.crashes
            WHEN o.purpose = 'send' THEN 0
            -- an answer to an inquiry clears the inquiries that were lost; sends may be what kills, and come between them
            ELSE least(o.crashes, (
                SELECT count(*) FROM lockgate.replies r JOIN lockgate.attempts a USING (operation_id, number)
                WHERE r.operation_id = o.id AND r.outcome = 'lost' AND a.purpose = 'send' AND r.number > coalesce((
                    SELECT max(s.number) FROM lockgate.replies s JOIN lockgate.attempts b USING (operation_id, number)
                    WHERE s.operation_id = o.id AND b.purpose = 'send' AND s.outcome NOT IN ('lost', 'deferred', 'released')
                ), 0)
            )) END),
        purpose = NULL, lease_token = NULL, lease_until = NULL, worker = NULL,
        due_at = statement_timestamp() + %(delay)s * interval '1 second',
        deadline_at = CASE WHEN %(state)s = 'awaiting' AND o.purpose = 'send'
            THEN greatest(o.deadline_at, statement_timestamp() + %(answer_within)s * interval '1 second')
            ELSE o.deadline_at END,
        decide_at = CASE
            WHEN %(reason)s = 'exhausted' THEN statement_timestamp() + %(delay)s * interval '1 second'
            -- an inquiry that proved nothing gives no more time, or a provider that is gone would be asked for ever
            WHEN o.purpose = 'await' AND %(state)s = 'awaiting' THEN o.decide_at
            WHEN o.purpose = 'inquire' AND %(state)s = 'unconfirmed' AND o.decide_at > o.deadline_at THEN o.decide_at
            WHEN %(state)s = 'unconfirmed'
                THEN greatest(o.deadline_at, statement_timestamp()) + %(confirm_time)s * interval '1 second'
            WHEN %(state)s = 'awaiting'
                THEN greatest(o.deadline_at, statement_timestamp() + %(answer_within)s * interval '1 second')
            ELSE least(o.deadline_at, o.expires_at, o.revoked_at) END,
        settle_from = CASE WHEN o.purpose = 'send' AND %(effect)s = 'unknown'
            THEN statement_timestamp() + %(settle)s * interval '1 second'
            WHEN o.purpose = 'send' AND %(effect)s = 'none' THEN greatest(o.settle_from, statement_timestamp())
            ELSE o.settle_from END,
        absent_at = CASE WHEN %(absent)s THEN coalesce(o.absent_at, statement_timestamp())
            WHEN %(effect)s = 'unknown' AND o.purpose <> 'send' THEN o.absent_at END,
        frozen = %(frozen)s,
        reference = coalesce(%(reference)s, o.reference),
        code = coalesce(%(code)s, o.code),
        ended_at = CASE WHEN %(ended)s THEN statement_timestamp() END
    WHERE o.id = %(operation_id)s AND o.state = %(was)s AND o.fence = %(fence)s
        AND o.lease_token IS NOT DISTINCT FROM %(token)s
        AND (o.effect <> 'done' OR %(effect)s = 'done')
    RETURNING o.id, o.epoch, o.tenant, o.provider, o.kind, o.effect
), heard AS (
{reply}
), buried AS (
    INSERT INTO lockgate.dead_letters (operation_id, epoch, tenant, provider, kind, reason, error_class, effect, code,
        message, fingerprint, decide_by, status, closed_at, closed_by)
    SELECT id, epoch, tenant, provider, kind, %(reason)s, %(error_class)s, effect, %(letter_code)s, %(letter_message)s,
        %(fingerprint)s, statement_timestamp() + %(hold)s * interval '1 second',
        CASE WHEN %(closed_by)s::text IS NULL THEN 'open' ELSE 'closed' END,
        CASE WHEN %(closed_by)s::text IS NULL THEN NULL ELSE statement_timestamp() END, %(closed_by)s
    FROM moved WHERE %(state)s = 'dead'
    ON CONFLICT (operation_id, epoch) DO NOTHING
), woken AS (
    UPDATE lockgate.tickets t SET
        follow_at = statement_timestamp() + (t.id = %(ticket_id)s)::int * interval '5 seconds'
            + CASE WHEN %(state)s = 'dead' THEN coalesce(%(hold)s, 0) ELSE 0 END * interval '1 second'
    WHERE t.operation_id = (SELECT id FROM moved) AND t.follows AND t.finalised_at IS NULL AND %(ended)s
)
SELECT id FROM moved
""".replace("{reply}", _REPLY.format(where="FROM moved WHERE %(heard)s"))
_LATE_REPLY = _REPLY.format(where="")


@dataclass(frozen=True, slots=True)
class Pace:
    """Seconds that recording needs to know of a kind."""

    policy: RetryPolicy
    settle: float
    confirm_time: float


def record(
    ledger: Ledger,
    lease: Lease,
    decision: Decision,
    *,
    heard: Heard | None,
    pace: Pace,
    letter: Letter | None = None,
    trip: int | None = None,
    ticket_id: str = "",
    connection: Connection | None = None,
) -> bool:
    """Write down what an attempt came to, or what was judged between two. Doing it again changes nothing.

    Args:
        ledger: where.
        lease: what entitles us to.
        decision: what follows.
        heard: what was heard; None for a judgement without an attempt.
        pace: the kind's times.
        letter: how a dead letter is filed; needed when the decision is `Park`.
        trip: the breaker's trip at the failure, against which a tentative one is counted.
        ticket_id: the ticket that goes on by itself; the others are hinted at.
        connection: in a transaction of the caller's, for a judgement without an attempt; else one of our own.

    Returns:
        False when the operation was in other hands by now: the evidence is kept, the state is theirs.

    Raises:
        psycopg.OperationalError: PostgreSQL went away; it may have been written.
    """
    entry = Entry(lease, decision, heard, pace, letter, trip, ticket_id)
    if connection is not None:
        return connection.execute(_RECORD, _values(ledger, entry)).fetchone() is not None
    return write(ledger, entry)


@dataclass(frozen=True, slots=True)
class Entry:
    """What one attempt came to; see `record`."""

    lease: Lease
    decision: Decision
    heard: Heard | None
    pace: Pace
    letter: Letter | None = None
    trip: int | None = None
    ticket_id: str = ""


def write(ledger: Ledger, entry: Entry) -> bool:
    """Write down what an attempt came to, in a transaction of its own; see `record`."""
    with writing():
        with ledger.connection() as connection:
            row = connection.execute(_RECORD, _values(ledger, entry)).fetchone()
        return row is not None or late(ledger, entry)


@contextmanager
def writing() -> Iterator[None]:
    """Around the commit of what was heard: a worker may die on either side of it."""
    crashpoint.reached("record.before_commit")
    yield
    crashpoint.reached("record.after_commit")


def late(ledger: Ledger, entry: Entry) -> bool:
    """The operation was in other hands by now: let the evidence count, kept and weighed in one transaction.

    Returns:
        Whether it stands as the entry says: it has succeeded, or this was written before, and the answer was lost.
    """
    heard, lease = entry.heard, entry.lease
    if heard is None:
        return False
    with ledger.transaction() as own:
        values = _lease_values(lease) | _reply_values(ledger, lease, heard)
        is_known = own.execute(_LATE_REPLY, _storable(values)).rowcount == 0
        done = heard.effect is Effect.DONE
        settled = settle_late(own, lease.operation_id, fence=lease.fence, done=done, reference=text(heard.reference))
        if not is_known:
            return settled and isinstance(entry.decision, Settle) and entry.decision.state is State.SUCCEEDED
        row = own.execute("SELECT state, fence FROM lockgate.operations WHERE id = %s", [lease.operation_id]).fetchone()
    return row == (after(entry.decision, lease, entry.trip)["state"], lease.fence)


def _values(ledger: Ledger, entry: Entry) -> dict[str, Any]:
    values = _lease_values(entry.lease) | _reply_values(ledger, entry.lease, entry.heard) | _pace_values(entry.pace)
    values |= _letter_values(entry.letter or Letter("")) | after(entry.decision, entry.lease, entry.trip)
    values["ticket_id"] = entry.ticket_id
    return _storable(values)


def _storable(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: storable(value) if type(value) is str else value for name, value in values.items()}


def after(decision: Decision, lease: Lease, trip: int | None) -> dict[str, Any]:
    """The operation's new values for a decision."""
    standing = lease.standing
    values: dict[str, Any] = {
        "failures": standing.failures,
        "pending_trip": None,
        "error_class": None,
        "reason": None,
        "reference": None,
        "code": None,
        "absent": False,
        "frozen": standing.frozen,
        "delay": 0.0,
        "ended": False,
    }
    match decision:
        case Settle(state=state, effect=effect, reference=reference, code=code):
            values |= {"state": state, "effect": effect, "reference": reference, "code": code, "ended": True}
        case Await(delay=delay, reference=reference):
            values |= {"state": State.AWAITING, "effect": Effect.UNKNOWN, "reference": reference, "delay": delay}
        case Retry(delay=delay, reason=reason, effect=effect, failures=failures, tentative=tentative):
            values |= {"state": State.WAITING, "reason": reason, "effect": effect, "delay": delay}
            values |= _failures(failures, tentative=tentative, trip=trip)
        case Confirm():
            values |= {"state": State.UNCONFIRMED, "effect": decision.effect, "delay": decision.delay}
            values |= {"absent": decision.absent, "frozen": decision.frozen, "failures": decision.failures}
            values |= {"reference": decision.reference, "code": decision.declined}
        case Park(reason=why, effect=effect, error_class=error_class):
            values |= {"state": State.DEAD, "reason": why, "effect": effect, "error_class": error_class, "ended": True}
        case _:  # pragma: no cover
            assert_never(decision)
    return values


def _failures(failures: int, *, tentative: bool, trip: int | None) -> dict[str, Any]:
    """A tentative failure is remembered by the breaker's trip; the next claim counts it if that is still the same."""
    if tentative and trip is not None:
        return {"failures": failures - 1, "pending_trip": trip}
    return {"failures": failures}


def _pace_values(pace: Pace) -> dict[str, Any]:
    return {"answer_within": pace.policy.answer_within, "settle": pace.settle, "confirm_time": pace.confirm_time}


def _lease_values(lease: Lease) -> dict[str, Any]:
    return {
        "operation_id": lease.operation_id,
        "fence": lease.fence,
        "token": lease.token,
        "was": lease.state,
        "inquired": lease.state is State.CALLING and lease.standing.purpose is Purpose.INQUIRE,
    }


def _letter_values(letter: Letter) -> dict[str, Any]:
    return {
        "fingerprint": letter.fingerprint,
        "letter_message": letter.message,
        "letter_code": letter.code,
        "hold": letter.hold,
        "closed_by": letter.closed_by,
    }


def _reply_values(ledger: Ledger, lease: Lease, heard: Heard | None) -> dict[str, Any]:
    said = heard or Heard("", Effect.NONE)
    return {
        "heard": heard is not None,
        "crashes": said.crashes,
        "poison": POISON,
        "reply_id": said.reply_id,
        "outcome": said.outcome,
        "reply_class": said.error_class,
        "reply_effect": said.effect,
        "status": said.status,
        "reply_code": said.code,
        "message": said.message,
        "reply_reference": said.reference,
        "elapsed": said.elapsed,
        "request_id": said.request_id,
        "sealed": sealed_reply(ledger, lease, said),
    }


def sealed_reply(ledger: Ledger, lease: Lease, heard: Heard) -> bytes | None:
    """The evidence and the result of an attempt, encrypted."""
    if not heard.sealed:
        return None
    row = f"{lease.operation_id}/{lease.fence}"
    return ledger.sealer.seal(heard.sealed, column="replies", tenant=lease.tenant, row=row)


def text(said: str | None) -> str | None:
    """What came over a line, as PostgreSQL takes it."""
    return None if said is None else storable(said)
