"""Admission in simulated time: what Redis shares between workers, and loses. The deciding is the platform's own."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from resilience import breaker, limiter
from resilience.breaker import Breaker, BreakerPolicy, BreakerState, Verdict
from resilience.limiter import Bucket, Limit, Seats, Slowdown

LIFE = 0.2  # seconds for which a permit is good
WINDOW = Limit("12 per 1s", (), 12, 1.0, life=LIFE)
AT_ONCE = Limit("6 at once", (), 6, 0.0, headroom=1.0)


@dataclass(frozen=True, slots=True)
class Permit:
    """Leave to make one call."""

    token: int
    asked_at: float
    trip: int
    probe: bool


@dataclass(frozen=True, slots=True)
class Noted:
    """A breaker's last move, as the ledger has it."""

    state: BreakerState = BreakerState.CLOSED
    trip: int = 0
    retry_at: float = 0.0
    closed_at: float = -1e9


class Gate:
    """Breaker, limits and their memory."""

    def __init__(self, policy: BreakerPolicy) -> None:
        self.policy = policy
        self.breaker = Breaker()
        self.noted = Noted()
        self.bucket: Bucket | None = None
        self.seats = Seats()
        self.slowdown, self.slow_until = Slowdown(), 0.0
        self.phase, self.epoch, self.shut_until = "open", 0, 0.0
        self.away_until = -1.0
        self.refused: list[object] = []
        self.closings: list[float] = []
        self.probing: dict[int, tuple[float, object]] = {}
        self.most_probes = 0

    def available(self, now: float) -> bool:
        return now >= self.away_until

    def lose(self) -> None:
        """Everything is gone, and who asks is told nothing."""
        self.breaker, self.bucket, self.seats = Breaker(), None, Seats()
        self.slowdown, self.slow_until, self.phase = Slowdown(), 0.0, "lost"
        self.refused.clear()

    def ask(self, now: float, token: int, *, may_probe: bool, lease: float, row: object = None) -> Permit | None:
        if not self.available(now) or self.phase != "open":
            return None
        asked, leave = breaker.admit(self.breaker, self.policy, now, token=str(token), may_probe=may_probe)
        self.breaker = replace(self.breaker, state=asked.state)
        flow = self._flow(now)
        bucket = limiter.filled(self.bucket, WINDOW, now, flow)
        seats = limiter.seated(self.seats, now)
        full = len(seats.taken) >= AT_ONCE.allowed or now < self.slow_until
        if not leave.allowed or full or limiter.wait_for(bucket, WINDOW, 1.0, flow):
            self.refused.append(row)
            return None
        self.breaker, self.bucket = asked, limiter.taken(bucket, 1.0)
        self.seats = Seats((*seats.taken, (str(token), now + lease)))
        if leave.probe:
            self.probing = {token: (until, of) for token, (until, of) in self.probing.items() if until > now}
            self.probing[token] = (now + self.policy.probe_life, row)
            self.most_probes = max(self.most_probes, len(self.probing))
        return Permit(token, now, leave.trip, leave.probe)

    def report(self, permit: Permit, verdict: Verdict, now: float, retry_after: float | None = None) -> bool:
        """Whether the breaker is known to be closed now."""
        if not self.available(now):
            return False
        self.seats = Seats(tuple(seat for seat in self.seats.taken if seat[0] != str(permit.token)))
        self.probing.pop(permit.token, None)
        if self.phase != "open":
            return False
        if retry_after is not None:
            self.slowdown = limiter.slowed(self.slowdown, now)
            self.slow_until = max(self.slow_until, now + retry_after)
        before = self.breaker.state
        self.breaker = breaker.report(
            self.breaker, self.policy, now, verdict=verdict, trip=permit.trip, token=str(permit.token)
        )
        closed = self.breaker.state is BreakerState.CLOSED
        if closed and before is not BreakerState.CLOSED:
            self.closings.append(now)
        return closed

    def room(self, now: float, horizon: float) -> int:
        """Permits that would be granted soon."""
        ahead = max(0.0, horizon - max(0.0, self.slow_until - now))
        flow = self._flow(now)
        bucket = limiter.filled(self.bucket, WINDOW, now, flow)
        free = min(bucket.tokens + WINDOW.rate * flow * ahead, AT_ONCE.allowed * 4 - len(self.seats.taken))
        return max(0, int(free)) if ahead else 0

    def _flow(self, now: float) -> float:
        return min(limiter.healed(self.slowdown, now), breaker.flow(self.breaker, self.policy, now))

    def note(self) -> None:
        """The ledger hears of the breaker's last move."""
        now = self.breaker
        if BreakerState.HALF_OPEN not in {now.state, self.noted.state} and (
            now.state is not self.noted.state or now.trip > self.noted.trip
        ):
            self.noted = Noted(now.state, now.trip, now.retry_at, now.closed_at)

    def shut(self, epoch: int, now: float) -> None:
        """Begin again: nothing is admitted until no permit of before can be in use."""
        self.phase, self.epoch, self.shut_until = "shut", epoch, now + WINDOW.per + LIFE

    def reopen(
        self, sent: int, leases: list[tuple[str, float]], now: float, *, under_way: Sequence[object] = ()
    ) -> None:
        """Filled in again from the ledger; a probe that never became a call, or whose worker is dead, is none any more."""
        noted = self.noted
        self.probing = {token: one for token, one in self.probing.items() if any(one[1] is row for row in under_way)}
        self.bucket = limiter.after_loss(WINDOW, float(sent), now)
        self.seats = Seats(tuple(leases))
        closed = noted.state is BreakerState.CLOSED
        known = Breaker(
            state=noted.state, trip=noted.trip, opens=0 if closed else 1, retry_at=noted.retry_at,
            closed_at=noted.closed_at if closed and noted.trip else -1e9,
        )  # fmt: skip
        left = max((until - now for _, until in leases), default=0.0)
        self.breaker = breaker.after_loss(known, self.policy, now, under_way=left)
        self.phase = "open"
