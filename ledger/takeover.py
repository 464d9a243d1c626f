"""A task id that changes what it stands for: a plain task that retried or replaced itself."""

import uuid
from dataclasses import replace
from typing import Any

from ledger.accept import Acceptance, accept
from ledger.session import Connection, Ledger

_SUPERSEDE = """
UPDATE lockgate.operations SET state = 'superseded', ended_at = statement_timestamp(), purpose = NULL,
    lease_token = NULL, lease_until = NULL, worker = NULL
WHERE id = %(operation_id)s AND provider = 'local' AND (
    state = 'superseded' OR (state = 'calling' AND lease_token = %(token)s))
RETURNING ticket_id
"""

_POINT = """
UPDATE lockgate.tickets SET operation_id = %(operation_id)s, sealed = %(sealed)s, follows = %(follows)s,
    finalised_at = NULL, follow_at = 'infinity'
WHERE id = %(ticket_id)s
"""

_MESSAGE = "UPDATE lockgate.tickets SET sealed = %(sealed)s, follows = %(follows)s WHERE id = %(ticket_id)s"


def stands_for(connection: Connection, ticket_id: str) -> tuple[uuid.UUID, str, str] | None:
    """The operation behind a task id, its provider and its state; None for an unknown id."""
    row = connection.execute(
        "SELECT id, provider, state FROM lockgate.operations "
        "WHERE id = (SELECT operation_id FROM lockgate.tickets WHERE id = %s)",
        [ticket_id],
    ).fetchone()
    return None if row is None else (row[0], row[1], row[2])


def take_over(
    ledger: Ledger, connection: Connection, item: Acceptance, old: uuid.UUID, token: uuid.UUID | None
) -> uuid.UUID | None:
    """Let a task id stand for a new operation, superseding the plain one that it stood for.

    Args:
        ledger: where.
        connection: in a transaction.
        item: the new operation; its ticket id is the known one.
        old: the operation that it stood for.
        token: the claim under which the old one runs; None when it gave itself up before.

    Returns:
        The new operation; None when the old one may not be superseded.
    """
    if connection.execute(_SUPERSEDE, {"operation_id": old, "token": token}).fetchone() is None:
        return None
    stand_in = replace(item, ticket_id=f"moved:{uuid.uuid4()}")
    verdict = accept(ledger, [stand_in], connection)[0]
    connection.execute("DELETE FROM lockgate.tickets WHERE id = %s", [stand_in.ticket_id])
    connection.execute(
        "UPDATE lockgate.operations SET ticket_id = %s WHERE id = %s", [item.ticket_id, verdict.operation_id]
    )
    connection.execute(_POINT, _message(ledger, item) | {"operation_id": verdict.operation_id})
    return verdict.operation_id


def rewrite_message(ledger: Ledger, connection: Connection, item: Acceptance) -> None:
    """Keep the message of a plain task's next try: its count of retries is in it."""
    connection.execute(_MESSAGE, _message(ledger, item))


def _message(ledger: Ledger, item: Acceptance) -> dict[str, Any]:
    sealed = None
    if item.message is not None:
        sealed = ledger.sealer.seal(item.message, column="tickets", tenant=item.lane.tenant, row=item.ticket_id)
    return {"sealed": sealed, "follows": item.follows, "ticket_id": item.ticket_id}
