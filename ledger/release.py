"""Hand back what was claimed and never sent, and keep what takes longer."""

import uuid
from collections.abc import Sequence

from ledger.session import Ledger

POISONED = "poison"  # why a claim is taken back that took down the process made for it

_RELEASE = """
WITH released AS (
    UPDATE lockgate.operations SET
        state = CASE purpose WHEN 'send' THEN 'waiting' WHEN 'await' THEN 'awaiting' ELSE 'unconfirmed' END,
        purpose = NULL, lease_token = NULL, lease_until = NULL, worker = NULL, hinted_at = NULL
    WHERE lease_token = %(token)s AND state = 'calling'
    RETURNING id, fence
)
INSERT INTO lockgate.replies (operation_id, number, id, outcome, effect, code)
SELECT id, fence, %(token)s, 'released', 'none', %(why)s FROM released
ON CONFLICT DO NOTHING
RETURNING operation_id
"""

# It is nobody's from here on: the worker that lives would renew it with its own.
_LAPSE = """
UPDATE lockgate.operations SET lease_until = statement_timestamp(), worker = NULL WHERE worker LIKE %s AND state = 'calling'
"""

# The reason says to the sweep, which takes the claim back, that nothing else can have been to blame.
_BLAME = """
UPDATE lockgate.operations SET lease_until = statement_timestamp(), reason = %(why)s
WHERE id = (SELECT operation_id FROM lockgate.tickets WHERE id = %(ticket_id)s)
    AND worker LIKE %(worker)s AND state = 'calling'
"""

_LATER = """
UPDATE lockgate.operations SET hinted_at = NULL, due_at = statement_timestamp() + %(seconds)s * interval '1 second'
WHERE id IN (
    SELECT id FROM lockgate.operations
    WHERE id IN (SELECT operation_id FROM lockgate.tickets WHERE id = ANY(%(ticket_ids)s))
        AND state IN ('waiting', 'unconfirmed', 'awaiting') AND due_at <= statement_timestamp()
    FOR NO KEY UPDATE SKIP LOCKED)
"""

_RENEW = """
UPDATE lockgate.operations SET lease_until = statement_timestamp() + %(lease)s * interval '1 second'
WHERE worker LIKE %(worker)s AND state = 'calling' AND provider = 'local'
"""


def release(ledger: Ledger, token: uuid.UUID, why: str) -> bool:
    """Hand a claim back, nothing having been sent under it; False when there was none (its commit had failed).

    Raises:
        psycopg.OperationalError: PostgreSQL is away.
    """
    with ledger.connection() as connection:
        return connection.execute(_RELEASE, {"token": token, "why": why}).fetchone() is not None


def lapse(ledger: Ledger, worker: str) -> int:
    """End the leases of a worker, or a part of one, that is known to be dead; the sweep need not wait for their time."""
    with ledger.connection() as connection:
        return connection.execute(_LAPSE, [f"{worker}%"]).rowcount


def blame(ledger: Ledger, ticket_id: str, worker: str) -> bool:
    """A process that carried out this operation and nothing else is dead; False when it had written its outcome."""
    with ledger.connection() as connection:
        return (
            connection.execute(_BLAME, {"ticket_id": ticket_id, "worker": f"{worker}%", "why": POISONED}).rowcount > 0
        )


def later(ledger: Ledger, ticket_ids: Sequence[str], seconds: float) -> None:
    """Hints at these led to nothing, for a reason of our own: they are hinted at again in so many seconds.

    Raises:
        psycopg.OperationalError: PostgreSQL is away.
    """
    with ledger.connection() as connection:
        connection.execute(_LATER, {"ticket_ids": list(ticket_ids), "seconds": seconds})


def renew(ledger: Ledger, worker: str, *, lease: float) -> int:
    """Prolong the leases of the plain tasks that run in a worker; nobody knows how long they take."""
    with ledger.connection() as connection:
        return connection.execute(_RENEW, {"worker": f"{worker}%", "lease": lease}).rowcount
