"""What follows an operation's end: links, the next step of a chain, a chord. Sent at least once, noted when it was."""

import uuid
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from ledger.claim import open_message
from ledger.due import Hint
from ledger.session import Connection, Ledger

# A plain task that was superseded asked that nothing follow; an operation was by its next generation, and failed itself.
_UNFINISHED = """
WITH looked AS (
    UPDATE lockgate.tickets t SET
        follow_at = statement_timestamp()
            + CASE WHEN chosen.ended THEN least(5 * 2.0 ^ t.follow_failures, 3600) ELSE 60 END * interval '1 second',
        follow_failures = CASE WHEN chosen.ended THEN least(t.follow_failures + 1, 100) ELSE t.follow_failures END
    FROM (
        SELECT t.id, l.queue, l.priority, l.task, l.tenant, l.provider,
            o.state IN ('succeeded', 'declined', 'dead', 'discarded', 'superseded') AS ended
        FROM lockgate.tickets t JOIN lockgate.operations o ON o.id = t.operation_id
            JOIN lockgate.lanes l ON l.id = o.lane_id
        WHERE t.follows AND t.finalised_at IS NULL AND t.follow_at < statement_timestamp()
            AND NOT (o.state = 'superseded' AND o.provider = 'local')
        ORDER BY t.follow_at LIMIT %(limit)s FOR UPDATE OF t SKIP LOCKED
    ) AS chosen
    WHERE t.id = chosen.id
    RETURNING t.id, chosen.task, chosen.queue, chosen.priority, chosen.tenant, chosen.provider, chosen.ended
)
SELECT id, task, queue, priority, tenant, provider FROM looked WHERE ended
"""

_ENDED = """
SELECT t.id, o.id, o.tenant, o.provider, o.state, o.effect, o.reason, o.reference, o.code, l.held_by,
    o.fence, o.fence = 0 AND l.held_by IS NULL, o.ended_at, t.sealed, t.children, t.follows, t.finalised_at IS NOT NULL,
    r.number, r.sealed, EXISTS (SELECT FROM lockgate.dead_letters d WHERE d.operation_id = o.id AND d.epoch = o.epoch
        AND d.status = 'open' AND d.decide_by > statement_timestamp())
FROM lockgate.tickets t
CROSS JOIN LATERAL (SELECT * FROM lockgate.operations WHERE id = t.operation_id LIMIT 1) o  -- by its key, whatever the plan
JOIN lockgate.lanes l ON l.id = o.lane_id
LEFT JOIN LATERAL (
    SELECT number, sealed FROM lockgate.replies r WHERE r.operation_id = o.id AND r.sealed IS NOT NULL
    ORDER BY (r.effect = 'done') DESC, r.number DESC LIMIT 1) r ON true
WHERE t.id = ANY(%s)
"""

# Not when it has another end by now: a person may have requeued it, or a late proof come. It is locked, or what somebody
# commits while this waits for the ticket would not be seen.
_FINALISE = """
UPDATE lockgate.tickets t SET finalised_at = statement_timestamp(), children = %(children)s
FROM (
    SELECT id FROM lockgate.operations
    WHERE id = (SELECT operation_id FROM lockgate.tickets WHERE id = %(ticket_id)s)
        AND fence = %(fence)s AND state = %(state)s FOR SHARE
) AS o
WHERE t.id = %(ticket_id)s AND t.finalised_at IS NULL AND o.id = t.operation_id
"""


@dataclass(frozen=True, slots=True)
class Ended:
    """How the operation behind a ticket stands, for Celery.

    Attributes:
        held_by: why the sweep holds its lane back.
        fence: of its last attempt, or of the order that reopened it.
        untouched: no attempt has been made, and nothing holds it back.
        children: results of what followed.
        result: what the adapter made of the provider's answer, or what a plain task returned.
        message: the Celery message kept with the ticket.
        finalised: what follows was sent already.
        held: it is a dead letter for which a canvas waits until a person has decided.
    """

    operation_id: uuid.UUID
    tenant: str
    provider: str
    state: str
    effect: str
    reason: str | None
    reference: str | None
    code: str | None
    held_by: str | None
    fence: int
    untouched: bool
    ended_at: datetime | None
    children: list[Any]
    message: Mapping[str, Any] | None
    follows: bool
    finalised: bool
    held: bool
    result: Any


def unfinished(connection: Connection, *, limit: int) -> list[Hint]:
    """Hints at tickets whose operation has ended while what follows is not known to be sent."""
    return [Hint(*row) for row in connection.execute(_UNFINISHED, {"limit": limit}).fetchall()]


def ended(ledger: Ledger, ticket_id: str) -> Ended | None:
    """How the operation behind a ticket stands; None for a name that is no ticket."""
    return ended_many(ledger, [ticket_id]).get(ticket_id)


def ended_many(ledger: Ledger, ticket_ids: Sequence[str]) -> dict[str, Ended]:
    """How the operations behind several tickets stand; names that are no tickets are left out."""
    with ledger.connection() as connection:
        rows = connection.execute(_ENDED, [list(ticket_ids)]).fetchall()
    return {row[0]: _opened(ledger, *row) for row in rows}


def _opened(ledger: Ledger, ticket_id: str, *row: Any) -> Ended:
    (
        operation_id, tenant, provider, state, effect, reason, reference, code, held_by, fence, untouched, ended_at, message,
        children, follows, finalised, number, sealed, held,
    ) = row  # fmt: skip
    kept, opened = {}, ledger.sealer.open
    if sealed is not None:
        kept = opened(sealed, column="replies", tenant=tenant, row=f"{operation_id}/{number}")
    return Ended(
        operation_id=operation_id,
        tenant=tenant,
        provider=provider,
        held_by=held_by,
        fence=fence,
        untouched=untouched,
        ended_at=ended_at,
        children=[] if children is None else opened(children, column="children", tenant=tenant, row=ticket_id),
        state=state,
        effect=effect,
        reason=reason,
        reference=reference,
        code=code,
        message=open_message(ledger, message, tenant, ticket_id),
        follows=follows,
        finalised=finalised,
        held=held,
        result=kept.get("result"),
    )


def finalise(
    ledger: Ledger, ticket_id: str, tenant: str, *, fence: int, state: str, children: list[Any] | None = None
) -> None:
    """Note that what follows a ticket was sent, for the end that the operation had under that fence."""
    sealed = ledger.sealer.seal(children, column="children", tenant=tenant, row=ticket_id) if children else None
    with ledger.connection() as connection:
        connection.execute(_FINALISE, {"ticket_id": ticket_id, "children": sealed, "fence": fence, "state": state})
