"""What Celery stores under names that are no tickets: groups, custom states, steps that failed before they were sent."""

from collections.abc import Sequence

from ledger.session import Ledger

_SET = """
INSERT INTO lockgate.celery_results (key, sealed) VALUES (%(key)s, %(sealed)s)
ON CONFLICT (key) DO UPDATE SET sealed = excluded.sealed, stored_at = statement_timestamp()
"""
_GET = "SELECT key, sealed FROM lockgate.celery_results WHERE key = ANY(%s)"
_DELETE = "DELETE FROM lockgate.celery_results WHERE key = %s"


def store(ledger: Ledger, key: str, value: bytes) -> None:
    """Keep a value under a name."""
    sealed = ledger.sealer.seal_bytes(value, column="celery_results", tenant="", row=key)
    with ledger.connection() as connection:
        connection.execute(_SET, {"key": key, "sealed": sealed})


def fetch(ledger: Ledger, keys: Sequence[str]) -> dict[str, bytes]:
    """The values under these names; those that are not there are left out."""
    with ledger.connection() as connection:
        rows = connection.execute(_GET, [list(keys)]).fetchall()
    opened = ledger.sealer.open_bytes
    return {key: opened(sealed, column="celery_results", tenant="", row=key) for key, sealed in rows}


def forget(ledger: Ledger, key: str) -> None:
    """Delete a value."""
    with ledger.connection() as connection:
        connection.execute(_DELETE, [key])
