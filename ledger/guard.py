"""PostgreSQL's own life: what must wait after it started, failed over, or its clock jumped.

After a start nothing is taken back for one lease: the holder may only be waiting to write what it heard. After a failover
or a jump of the clock, times in rows prove nothing until a lease and a settle time have passed: no absence counts, and
nothing is sent whose doubling the provider would not catch.
"""

from dataclasses import dataclass

from ledger.session import Connection
from resilience.clock import Clock

_JUMP = 5.0  # seconds that the two clocks may drift apart between two looks

_LOOK = """
SELECT extract(epoch FROM statement_timestamp())::float8, hint_epoch, timeline,
    left(pg_walfile_name(pg_current_wal_lsn()), 8), started_at IS NOT DISTINCT FROM pg_postmaster_start_time(),
    started_at IS NULL
FROM lockgate.ledger
"""

_CALM = """
UPDATE lockgate.ledger SET
    timeline = left(pg_walfile_name(pg_current_wal_lsn()), 8), started_at = pg_postmaster_start_time(),
    reap_after = greatest(reap_after, statement_timestamp() + %(reap)s * interval '1 second'),
    calm_until = CASE WHEN %(calm)s = 0 THEN calm_until
        ELSE greatest(calm_until, statement_timestamp() + %(calm)s * interval '1 second') END
"""

_RAISE = "UPDATE lockgate.ledger SET hint_epoch = hint_epoch + 1 WHERE hint_epoch = %s"


@dataclass(frozen=True, slots=True)
class Look:
    """How far PostgreSQL's clock is ahead of BOOTTIME: between these, for the look took its time."""

    least: float
    most: float

    def differs(self, other: "Look") -> bool:
        """Whether one of the clocks has jumped between two looks, however long each of them took."""
        return self.least > other.most + _JUMP or self.most < other.least - _JUMP


class Guard:
    """Watches PostgreSQL for one sweep.

    Args:
        lease: the longest lease; seconds.
        settle: the longest settle time; seconds.
        clock: BOOTTIME.
    """

    def __init__(self, *, lease: float, settle: float, clock: Clock) -> None:
        self._lease = lease
        self._settle = settle
        self._clock = clock
        self._last: Look | None = None

    def look(self, connection: Connection) -> int:
        """Look once, and call for calm where there is reason; the current hint epoch."""
        before = self._clock()
        row = connection.execute(_LOOK).fetchone()
        after = self._clock()
        assert row is not None
        database, epoch, timeline, timeline_now, same_start, never = row
        now = Look(database - after, database - before)
        jumped = self._last is not None and now.differs(self._last)
        self._last = now
        if jumped or timeline != timeline_now or not same_start:
            strange = not never and (jumped or timeline != timeline_now)  # a new ledger has nothing out yet
            reap = 0.0 if never else self._lease
            connection.execute(_CALM, {"reap": reap, "calm": reap + self._settle if strange else 0.0})
        return int(epoch)


def raise_epoch(connection: Connection, seen: int) -> bool:
    """Count every hint as lost, once: False when another sweep has done so since `seen`."""
    return connection.execute(_RAISE, [seen]).rowcount == 1
