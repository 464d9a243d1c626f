"""Hand back what was claimed and never sent, and keep what takes longer."""

import uuid

from ledger.session import Ledger

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

_LAPSE = """
UPDATE lockgate.operations SET lease_until = statement_timestamp() WHERE worker LIKE %s AND state = 'calling'
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


def renew(ledger: Ledger, worker: str, *, lease: float) -> int:
    """Prolong the leases of the plain tasks that run in a worker; nobody knows how long they take."""
    with ledger.connection() as connection:
        return connection.execute(_RENEW, {"worker": f"{worker}%", "lease": lease}).rowcount
