"""What calls came to lately, by provider and slice of time: for people who look, not for decisions."""

from collections.abc import Sequence
from dataclasses import dataclass

from ledger.session import Connection

_RECENT = """
SELECT l.provider,
    floor(extract(epoch FROM a.started_at - (statement_timestamp() - %(window)s * interval '1 second')) / %(slice)s)::int,
    count(*) FILTER (WHERE r.outcome <> 'failed'),
    count(*) FILTER (WHERE r.outcome = 'failed' AND r.error_class = 'rate_limited'),
    count(*) FILTER (WHERE r.outcome = 'failed' AND r.error_class <> 'rate_limited'),
    percentile_disc(0.5) WITHIN GROUP (ORDER BY r.elapsed),
    percentile_disc(0.95) WITHIN GROUP (ORDER BY r.elapsed)
FROM lockgate.attempts a
    JOIN lockgate.lanes l ON l.id = a.lane_id
    JOIN lockgate.replies r ON r.operation_id = a.operation_id AND r.number = a.number
WHERE a.started_at > statement_timestamp() - %(window)s * interval '1 second' AND l.provider = ANY(%(providers)s)
    AND r.outcome <> 'deferred' AND NOT r.late
GROUP BY 1, 2 ORDER BY 1, 2
"""


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


def slices(connection: Connection, providers: Sequence[str], *, window: float, each: float) -> dict[str, list[Slice]]:
    """The slices of the last `window` seconds, `each` seconds long, the oldest first; by provider."""
    number = round(window / each)
    found = {name: [Slice()] * number for name in providers}
    values = {"providers": list(providers), "window": window, "slice": each}
    for provider, at, *what in connection.execute(_RECENT, values).fetchall():
        found[provider][min(max(at, 0), number - 1)] = Slice(*what)
    return found
