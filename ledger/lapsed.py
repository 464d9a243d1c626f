"""What nobody holds any more, and what must be decided whatever it waits for."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any

from ledger.claim import Lease
from ledger.session import Connection
from operations.means import Assurance
from operations.operation import Purpose, Standing
from operations.outcome import Effect
from operations.states import State

# What somebody has locked is left out, or waiting for one after another would take longer than a tick may.
# Nothing is taken back while PostgreSQL itself has just come back: the holder may be waiting to write its outcome.
_LAPSED = """
SELECT o.id, o.tenant, o.provider, o.kind, o.fence, o.state, o.lease_token, o.purpose, o.effect, o.failures, o.frozen,
    o.reference, o.code, o.reason, o.pending_trip, o.crashes, o.ticket_id, ''
FROM lockgate.operations o CROSS JOIN lockgate.ledger
WHERE o.state = 'calling' AND o.lease_until < statement_timestamp() AND ledger.reap_after < statement_timestamp()
    AND (o.provider = 'local' OR o.kind = ANY(%(known)s))
ORDER BY o.lease_until LIMIT %(limit)s FOR NO KEY UPDATE OF o SKIP LOCKED
"""

# Time for which a person holds work back does not count against its deadline, also before the pause is lifted and the
# deadlines are moved; what the caller wished or allowed ends all the same.
_OVERDUE = """
SELECT o.id, o.tenant, o.provider, o.kind, o.fence, o.state, o.lease_token, o.purpose, o.effect, o.failures, o.frozen,
    o.reference, o.code, o.reason, o.pending_trip, o.crashes, o.ticket_id,
    CASE WHEN o.reason = 'exhausted' AND o.deadline_at > statement_timestamp() THEN 'exhausted'
        WHEN o.revoked_at < statement_timestamp() THEN 'revoked'
        WHEN o.expires_at < statement_timestamp() THEN 'expired'
        ELSE 'deadline' END
FROM lockgate.operations o
WHERE o.state IN ('waiting', 'unconfirmed', 'awaiting') AND o.decide_at < statement_timestamp()
    AND (o.provider = 'local' OR o.kind = ANY(%(known)s))
    AND (o.reason = 'exhausted' OR o.revoked_at < statement_timestamp() OR o.expires_at < statement_timestamp()
        OR NOT EXISTS (
            SELECT FROM lockgate.pauses p WHERE p.lifted_at IS NULL AND p.provider = o.provider AND p.cause = 'person'
            AND coalesce(p.tenant, o.tenant) = o.tenant AND coalesce(p.kind, o.kind) = o.kind))
ORDER BY o.decide_at LIMIT %(limit)s FOR NO KEY UPDATE OF o SKIP LOCKED
"""


@dataclass(frozen=True, slots=True)
class Stray:
    """An operation that the sweep must decide about.

    Attributes:
        pending_trip: the breaker's trip at its last failure, if that is not yet counted.
        crashes: claims in a row that were lost with their worker.
        why: exhausted, revoked, expired or deadline; empty for a lapsed lease.
    """

    lease: Lease
    reason: str | None
    pending_trip: int | None
    crashes: int
    ticket_id: str
    why: str


def lapsed(
    connection: Connection, assurance: Callable[[str], Assurance], *, known: Collection[str], limit: int
) -> list[Stray]:
    """Operations whose lease has ended without a word.

    Args:
        connection: to the ledger.
        assurance: the means of a kind.
        known: kinds that can be decided here. Those of a newer version are left out, or a batch of them would come first at
            every tick, and nothing after them be decided at all.
        limit: at most so many; the rest at the next tick.
    """
    rows = connection.execute(_LAPSED, {"limit": limit, "known": list(known)}).fetchall()
    return [_stray(row, assurance) for row in rows]


def overdue(
    connection: Connection, assurance: Callable[[str], Assurance], *, known: Collection[str], limit: int
) -> list[Stray]:
    """Operations between attempts whose time to be decided has come; of the known kinds, as above."""
    rows = connection.execute(_OVERDUE, {"limit": limit, "known": list(known)}).fetchall()
    return [_stray(row, assurance) for row in rows]


def _stray(row: tuple[Any, ...], assurance: Callable[[str], Assurance]) -> Stray:
    (
        operation_id, tenant, provider, kind, fence, state, token, purpose, effect, failures, frozen, reference, code,
        reason, pending_trip, crashes, ticket_id, why,
    ) = row  # fmt: skip
    asking = purpose in {"inquire", "await"} if state == State.CALLING else state != State.WAITING
    standing = Standing(
        purpose=Purpose.INQUIRE if asking else Purpose.SEND,
        assurance=assurance(kind),
        effect=Effect(effect),
        failures=failures,
        awaiting=purpose == "await" or state == State.AWAITING,
        frozen=frozen,
        reference=reference,
        declined=code,
    )
    lease = Lease(operation_id, tenant, provider, kind, fence, standing, state=State(state), token=token)
    return Stray(lease, reason, pending_trip, crashes, ticket_id, why)
