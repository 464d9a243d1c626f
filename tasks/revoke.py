"""Revoking is a wish on the row: obeyed between attempts, and only where nothing can have happened."""

from collections.abc import Iterable
from typing import Any

from celery.app.control import Control

from tasks.platform import platform

_WISH = """
UPDATE lockgate.operations o SET revoked_at = coalesce(o.revoked_at, statement_timestamp()),
    decide_at = CASE o.state WHEN 'waiting' THEN least(o.decide_at, statement_timestamp()) ELSE o.decide_at END
FROM lockgate.tickets t WHERE t.id = ANY(%s) AND o.id = t.operation_id AND NOT t.alias
    AND o.state IN ('waiting', 'calling', 'unconfirmed', 'awaiting')
"""


def wish(ticket_ids: Iterable[str]) -> None:
    """Ask for the operations of these tickets not to be carried out any more."""
    with platform().ledger.connection() as connection:
        connection.execute(_WISH, [list(ticket_ids)])


class LedgerControl(Control):
    """Celery's remote control, with a revoke that outlives workers and Redis."""

    def revoke(self, task_id: str | Iterable[str], *args: Any, **kwargs: Any) -> Any:
        """Ask for operations not to be carried out any more; one that may have happened is confirmed first.

        A ticket that a repeated caller got revokes nothing: the operation is the first caller's too.
        """
        ids = [task_id] if isinstance(task_id, str) else list(task_id)
        wish(ids)
        if kwargs.pop("terminate", False):
            kwargs.pop("signal", None)  # killing a call in flight would only make its effect unknown
        return super().revoke(ids, *args, **kwargs)
