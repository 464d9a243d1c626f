"""The ledger went back in time and the providers did not: what it says was not sent may have been.

1. `restored` counts the restore. From then on a claim asks the provider before it sends anything that the ledger holds: what
   waits, and what was dead and is requeued. Each operation is asked about once (`cleared`).
2. Callers ask again for what was accepted after the backup. Until `trust`, what is accepted anew is asked about as well,
   back to the moment that was restored: it may be something that was forgotten.
3. Where a provider cannot be asked it becomes a person's turn.
"""

from dataclasses import dataclass
from datetime import datetime

from ledger import audit
from ledger.audit import Order
from ledger.session import Connection
from operations.errors import NotAllowedError

_LOOK = """
SELECT restores, trusted, restored_to, greatest(calm_until, '-infinity') > statement_timestamp(),
    (SELECT count(*) FROM lockgate.operations o WHERE o.cleared < ledger.restores AND o.provider <> 'local'
        AND o.state IN ('waiting', 'unconfirmed', 'awaiting', 'calling'))
FROM lockgate.ledger
"""

# By other clocks than PostgreSQL's nothing here was written; a minute is for transactions that were under way.
_LAST_SIGN = """
SELECT greatest((SELECT max(accepted_at) FROM lockgate.operations), (SELECT max(started_at) FROM lockgate.attempts),
    (SELECT max(heard_at) FROM lockgate.replies)) - interval '1 minute'
"""

_SESSIONS = """
SELECT count(*) FROM pg_stat_activity
WHERE application_name = 'lockgate' AND datname = current_database() AND pid <> pg_backend_pid()
"""

# No hint of before is believed, and Redis is told anew. What was under way at the backup is taken back once a lease has
# passed, and no absence counts until a settle time has passed after that.
_COUNT = """
UPDATE lockgate.ledger SET
    restores = restores + 1, hint_epoch = hint_epoch + 1000,
    restored_to = CASE WHEN trusted < restores THEN least(restored_to, %(to)s) ELSE %(to)s END,
    reap_after = greatest(reap_after, statement_timestamp() + %(lease)s * interval '1 second'),
    calm_until = greatest(calm_until, statement_timestamp() + (%(lease)s + %(settle)s) * interval '1 second')
"""

# A first reading of absence was made before whatever came after the backup.
_DOUBT = """
UPDATE lockgate.operations SET hinted_at = NULL, absent_at = NULL,
    effect = CASE WHEN provider <> 'local' AND effect = 'none' THEN 'unknown' ELSE effect END,
    first_sent_at = CASE WHEN provider <> 'local'
        THEN least(first_sent_at, (SELECT restored_to FROM lockgate.ledger)) ELSE first_sent_at END
WHERE state IN ('waiting', 'unconfirmed', 'awaiting', 'calling')
"""


@dataclass(frozen=True, slots=True)
class Restores:
    """What is known of restores.

    Attributes:
        count: how many there were.
        trusted: what is accepted now is sent without asking.
        to: a moment at or before the last backup's; None before the first.
        calm: no absence counts yet.
        left: operations that the provider is still to be asked about, of those that have not ended.
    """

    count: int
    trusted: bool
    to: datetime | None
    calm: bool
    left: int


def look(connection: Connection) -> Restores:
    """How the ledger stands."""
    row = connection.execute(_LOOK).fetchone()
    if row is None:
        return Restores(0, True, None, False, 0)
    count, trusted, to, calm, left = row
    return Restores(count, trusted >= count, to, calm, left)


def restored(
    connection: Connection, order: Order, *, to: datetime | None, lease: float, settle: float, anyway: bool = False
) -> Restores:
    """Count a restore: from here on the provider is asked before anything is sent.

    Args:
        connection: in a transaction.
        order: who says so, and why.
        to: a moment at or before the backup's last transaction; None for the last sign of life in the ledger.
        lease: the longest lease; seconds.
        settle: the longest settle time; seconds.
        anyway: also while others are connected.

    Raises:
        NotAllowedError: others are connected, or nothing says what was restored.
    """
    row = connection.execute(_SESSIONS).fetchone()
    if row is not None and row[0] and not anyway:
        raise NotAllowedError(
            f"{row[0]} sessions of Lockgate are connected, and a worker among them may send what was done already: end "
            "workers and applications first, or say --anyway"
        )
    since = to or _last_sign(connection)
    before = look(connection)
    connection.execute(_COUNT, {"to": since, "lease": lease, "settle": settle})
    connection.execute(_DOUBT)
    after = look(connection)
    audit.note(connection, order, "restored", "ledger", before=_told(before), after=_told(after))
    return after


def trust(connection: Connection, order: Order) -> Restores:
    """Callers have asked again for everything that was forgotten: what is accepted from now on is new.

    Raises:
        NotAllowedError: it is trusted already.
    """
    before = look(connection)
    if before.trusted:
        raise NotAllowedError("what is accepted is trusted already: nothing was restored since")
    connection.execute("UPDATE lockgate.ledger SET trusted = restores")
    after = look(connection)
    audit.note(connection, order, "trust", "ledger", before=_told(before), after=_told(after))
    return after


def _last_sign(connection: Connection) -> datetime:
    row = connection.execute(_LAST_SIGN).fetchone()
    if row is None or row[0] is None:
        raise NotAllowedError("the ledger is empty, so nothing in it says when its backup was made: say --to TIME")
    found: datetime = row[0]
    return found


def _told(restores: Restores) -> dict[str, object]:
    return {
        "restores": restores.count, "trusted": restores.trusted, "left": restores.left,
        "to": restores.to and restores.to.isoformat(),
    }  # fmt: skip
