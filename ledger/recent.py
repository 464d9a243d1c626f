"""What calls came to lately, by provider and slice of time: for people who look, not for decisions."""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.session import Connection

_NOW = "SELECT floor(extract(epoch FROM statement_timestamp()) / %s)::bigint"
_RECENT = """
SELECT l.provider, floor(extract(epoch FROM a.started_at) / %(each)s)::bigint,
    count(*) FILTER (WHERE r.outcome <> 'failed'),
    count(*) FILTER (WHERE r.outcome = 'failed' AND r.error_class = 'rate_limited'),
    count(*) FILTER (WHERE r.outcome = 'failed' AND r.error_class <> 'rate_limited'),
    percentile_disc(0.5) WITHIN GROUP (ORDER BY r.elapsed),
    percentile_disc(0.95) WITHIN GROUP (ORDER BY r.elapsed)
FROM lockgate.attempts a
    JOIN lockgate.lanes l ON l.id = a.lane_id
    CROSS JOIN LATERAL (SELECT outcome, error_class, elapsed FROM lockgate.replies
        WHERE operation_id = a.operation_id AND number = a.number AND outcome <> 'deferred' AND NOT late OFFSET 0) r
WHERE a.started_at >= to_timestamp(%(since)s * %(each)s) AND l.provider = ANY(%(providers)s)
GROUP BY 1, 2
"""  # with OFFSET each call's own reply is looked up: a join would read every reply that there ever was


@dataclass(frozen=True, slots=True)
class Slice:
    """What the calls begun in one slice of time came to.

    Attributes:
        answered: the provider answered, whatever it said of the operation.
        limited: it said that we call too often.
        failed: anything else: no answer, none that can be read, a refusal of the request.
        median: seconds that half of the calls took at most; None without a call.
        slow: seconds that nineteen of twenty took at most.
    """

    answered: int = 0
    limited: int = 0
    failed: int = 0
    median: float | None = None
    slow: float | None = None

    @property
    def calls(self) -> int:
        """All of them."""
        return self.answered + self.limited + self.failed


def number(connection: Connection, each: float) -> int:
    """The number of the slice that is now, where every one is `each` seconds long and the first began with 1970."""
    row = connection.execute(_NOW, [each]).fetchone()
    assert row is not None
    return int(row[0])


def slices(
    connection: Connection, providers: Sequence[str], *, since: int, each: float
) -> dict[tuple[str, int], Slice]:  # fmt: skip
    """The slices from a number on, by provider and number; those without a call are left out."""
    values = {"providers": list(providers), "since": since, "each": each}
    return {(row[0], row[1]): Slice(*row[2:]) for row in connection.execute(_RECENT, values).fetchall()}
