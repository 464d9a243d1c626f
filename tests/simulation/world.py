"""Workers that stop at any point, messages that get lost, a ledger whose answers do: in simulated time, from a seed.

What decides is the platform's own pure functions; what is modelled here is what SQL and Redis do around them.
"""

import heapq
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from simulation.provider import Provider

from operations.means import Assurance, Means
from operations.operation import Purpose, RetryPolicy, Standing
from operations.outcome import Effect, ErrorClass, Failed, Finding, Outcome, Present, Succeeded, Unclear
from operations.states import Reason, State
from resilience import breaker, decide, limiter
from resilience.breaker import Breaker, BreakerPolicy, BreakerState, Verdict
from resilience.decide import Around, Await, Confirm, Decision, Park, Retry, Settle
from resilience.limiter import Bucket, Limit
from resilience.pacing import LaneView, share

LEASE, TOTAL, SETTLE, TICK = 6.0, 3.0, 4.0, 0.5
POLICY = RetryPolicy(give_up_after=600.0, ceiling=8.0)
BREAKER = BreakerPolicy(open_for=2.0, open_for_max=8.0, probe_life=LEASE, ramp=4.0, min_calls=10)


@dataclass
class Row:
    """An operation, as the ledger's columns hold it."""

    key: str
    deadline: float
    state: State = State.WAITING
    reason: str = "new"
    effect: Effect = Effect.NONE
    failures: int = 0
    pending_trip: int | None = None
    fence: int = 0
    lease_until: float = 0.0
    purpose: Purpose = Purpose.SEND
    due: float = 0.0
    hinted: float | None = None
    first_sent: float | None = None
    settle_from: float = 0.0
    absent_at: float | None = None
    frozen: bool = False
    reference: str | None = None
    rounds: int = 0
    confirm_until: float | None = None


@dataclass
class World:
    """One run.

    Args:
        seed: of everything that is left to chance.
        means: of the kind.
        operations: how many.
    """

    seed: int
    means: Means
    operations: int = 60
    now: float = 0.0
    queue: list[tuple[float, int, Callable[[], None]]] = field(default_factory=list)
    counter: int = 0

    def __post_init__(self) -> None:
        self.rng = Random(self.seed)
        self.assurance = Assurance(
            self.means, kept_for=40.0 if self.means is Means.KEY else 0.0, settle=SETTLE, money=self.rng.random() < 0.5
        )
        self.provider = Provider(
            self.rng, self.means, kept_for=40.0, lag=SETTLE - 1.0, trouble=self.rng.choice([0.1, 0.3, 0.6])
        )
        self.limit = Limit("10 per 1s", (), 10, 1.0, life=0.2)
        self.bucket: Bucket | None = None
        self.breaker = Breaker()
        self.rows: list[Row] = []
        self.resent_after_doubt: list[str] = []
        self.lossy = self.rng.choice([0.0, 0.1, 0.3])
        self.crashy = self.rng.choice([0.0, 0.1, 0.25])

    # ---- time ----

    def at(self, delay: float, action: Callable[[], None]) -> None:
        self.counter += 1
        heapq.heappush(self.queue, (self.now + delay, self.counter, action))

    def run(self) -> None:
        for number in range(self.operations):
            self.at(self.rng.uniform(0, 10), lambda number=number: self.accept(f"op-{self.seed}-{number}"))  # type: ignore[misc]
        if self.rng.random() < 0.5:
            self.at(
                self.rng.uniform(1, 8), lambda: setattr(self.provider, "down_until", self.now + self.rng.uniform(5, 60))
            )
        if self.rng.random() < 0.5:
            self.at(self.rng.uniform(5, 30), self.lose_redis)
        self.at(200.0, self.heal)
        self.at(0.0, self.sweep)
        while self.queue and self.now < 2000.0:
            self.now, _, action = heapq.heappop(self.queue)
            action()
            if self.rows and len(self.rows) == self.operations and all(row.state.ended for row in self.rows):
                return

    def heal(self) -> None:
        """Faults stop; from here on everything must come to an end."""
        self.provider.trouble = self.lossy = self.crashy = 0.0

    def lose_redis(self) -> None:
        """Hints, bucket and breaker are gone; the sweep notices by the epoch, and starts the bucket in debt."""
        for row in self.rows:
            row.hinted = None
        sent = sum(1 for at in self.provider.arrivals if at > self.now - 1.2)
        self.bucket = limiter.after_loss(self.limit, float(sent), self.now)
        self.breaker = replace(self.breaker, slots=(), consecutive=0)

    # ---- accept, hint, sweep ----

    def accept(self, key: str) -> None:
        row = Row(key, deadline=self.now + POLICY.give_up_after, due=self.now)
        self.rows.append(row)
        self.hint(row)

    def hint(self, row: Row, *, probe: bool = False) -> None:
        row.hinted = self.now
        if self.rng.random() < self.lossy:
            return
        for _ in range(1 + (self.rng.random() < self.lossy)):
            self.at(self.rng.uniform(0.001, 0.2), lambda: self.deliver(row, probe=probe))

    def sweep(self) -> None:
        self.at(TICK, self.sweep)
        for row in self.rows:
            if row.state is State.CALLING and row.lease_until < self.now:
                lost: Failed | Unclear = Failed(ErrorClass.AMBIGUOUS, Effect.UNKNOWN, "worker_lost")
                heard = lost if row.purpose is Purpose.SEND else Unclear("worker_lost")
                self.write(row, row.fence, decide.decide(self.standing(row), heard, self.around(row)))
            elif not row.state.ended and row.state is not State.CALLING:
                self.judge(row)
        due = [
            row for row in self.rows if row.state.due_by_itself and row.due <= self.now and row.reason != "exhausted"
        ]
        unhinted = [row for row in due if row.hinted is None or self.now - row.hinted > 3.0]
        if self.breaker.state is not BreakerState.CLOSED:
            if (
                unhinted
                and self.now >= self.breaker.retry_at
                and not (self.breaker.probe and self.now < self.breaker.probe_until)
            ):
                self.hint(min(unhinted, key=lambda row: (row.state is not State.UNCONFIRMED, row.due)), probe=True)
            return
        view = LaneView(1, "acme", "default", len(unhinted), len(due) - len(unhinted), room=12)
        for row in unhinted[: share([view], window=100, hinted={}).get(1, 0)]:
            self.hint(row)

    def judge(self, row: Row) -> None:
        limit = row.confirm_until if row.state is State.UNCONFIRMED and row.confirm_until else row.deadline
        if row.reason == "exhausted" and row.due <= self.now:
            opened = self.breaker.state is not BreakerState.CLOSED or self.breaker.trip != row.pending_trip
            standing = replace(self.standing(row), failures=row.failures + 1)
            self.apply(row, decide.exhausted(standing, breaker_opened=opened, policy=POLICY))
        elif limit < self.now:
            self.apply(row, decide.overdue(self.standing(row), "deadline"))
            if row.state is State.UNCONFIRMED:
                row.confirm_until = self.now + 60.0

    # ---- a worker ----

    def deliver(self, row: Row, *, probe: bool) -> None:
        token = f"t{self.counter}"
        self.breaker, leave = breaker.admit(self.breaker, BREAKER, self.now, token=token, may_probe=probe)
        flow = breaker.flow(self.breaker, BREAKER, self.now)
        if not leave.allowed:
            return
        bucket = limiter.filled(self.bucket, self.limit, self.now, flow)
        if limiter.wait_for(bucket, self.limit, 1.0, flow):
            self.report(token, leave.trip, Verdict.NEUTRAL)
            return
        self.bucket = limiter.taken(bucket, 1.0)
        if not self.claimable(row):
            self.report(token, leave.trip, Verdict.NEUTRAL)
            return
        fence = self.claim(row, leave.trip)
        if self.rng.random() < self.crashy:
            return  # the worker dies between the intent and the first byte
        self.at(self.rng.uniform(0.0, 0.1), lambda: self.call(row, fence, self.standing(row), token, leave.trip))

    def claimable(self, row: Row) -> bool:
        if not row.state.due_by_itself or row.due > self.now or row.reason == "exhausted":
            return False
        return row.state is not State.WAITING or row.deadline > self.now + TOTAL

    def claim(self, row: Row, trip: int) -> int:
        forgotten = row.first_sent is not None and self.now > row.first_sent + 40.0 - TOTAL - 2.0
        asks = row.state is not State.WAITING or (
            row.effect is Effect.UNKNOWN and (forgotten or self.means is not Means.KEY)
        )
        row.purpose = Purpose.INQUIRE if asks else Purpose.SEND
        if row.purpose is Purpose.SEND:
            if row.effect is Effect.UNKNOWN and self.means is Means.NOTHING:
                self.resent_after_doubt.append(row.key)
            row.first_sent = self.now if row.first_sent is None else row.first_sent
        row.failures += row.pending_trip is not None and row.pending_trip == trip
        row.pending_trip = None
        row.state, row.fence, row.lease_until, row.hinted = State.CALLING, row.fence + 1, self.now + LEASE, None
        return row.fence

    def call(self, row: Row, fence: int, standing: Standing, token: str, trip: int) -> None:
        if row.fence != fence or self.now + TOTAL > row.lease_until:
            return  # the check before the first byte
        heard: Outcome | Finding
        if standing.purpose is Purpose.SEND:
            heard, took = self.provider.send(row.key, self.now)
        else:
            heard, took = self.provider.look_up(row.key, self.now)
        if self.rng.random() < self.crashy:
            return  # it dies with the answer unheard
        late = LEASE * 2 if self.rng.random() < self.crashy else 0.0  # frozen, or PostgreSQL away: it writes too late
        self.at(took + late, lambda: self.settle(row, fence, standing, heard, token, trip))

    def settle(self, row: Row, fence: int, standing: Standing, heard: Any, token: str, trip: int) -> None:
        down = isinstance(heard, Failed) and heard.down
        neutral = isinstance(heard, Unclear) or (isinstance(heard, Failed) and not heard.down)
        self.report(token, trip, Verdict.DOWN if down else Verdict.NEUTRAL if neutral else Verdict.OK)
        decision = decide.decide(standing, heard, self.around(row))
        done = isinstance(heard, Succeeded) or (isinstance(heard, Present) and isinstance(heard.outcome, Succeeded))
        self.write(row, fence, decision, done=done)
        if self.rng.random() < self.lossy:
            self.write(row, fence, decision, done=done)  # the commit's answer was lost: written again

    def report(self, token: str, trip: int, verdict: Verdict) -> None:
        self.breaker = breaker.report(self.breaker, BREAKER, self.now, verdict=verdict, trip=trip, token=token)

    # ---- the ledger ----

    def _purpose(self, row: Row) -> Purpose:
        if row.state is State.CALLING:
            return row.purpose
        return Purpose.SEND if row.state is State.WAITING else Purpose.INQUIRE

    def standing(self, row: Row) -> Standing:
        return Standing(
            purpose=self._purpose(row),
            assurance=self.assurance, effect=row.effect, failures=row.failures, awaiting=False, frozen=row.frozen,
            reference=row.reference, absent_for=None if row.absent_at is None else self.now - row.absent_at,
            settle_left=max(0.0, row.settle_from - self.now),
        )  # fmt: skip

    def around(self, row: Row) -> Around:
        return Around(POLICY, self.rng, breaker_closed=self.breaker.state is BreakerState.CLOSED, rounds=row.rounds)

    def write(self, row: Row, fence: int, decision: Decision, *, done: bool = False) -> None:
        """A record: fenced; late proof counts all the same."""
        if row.state is State.CALLING and row.fence == fence and (row.effect is not Effect.DONE or done):
            self.apply(row, decision)
        elif done and row.state not in {State.SUCCEEDED, State.DECLINED}:
            if row.state is State.CALLING and row.fence != fence:
                row.effect, row.reference = Effect.DONE, row.key
            else:
                row.state, row.effect = State.SUCCEEDED, Effect.DONE
        elif row.state is State.CALLING and row.fence == fence:
            row.state = State.SUCCEEDED

    def apply(self, row: Row, decision: Decision) -> None:
        sent = row.state is State.CALLING and row.purpose is Purpose.SEND
        row.rounds += row.state is State.CALLING and row.purpose is Purpose.INQUIRE
        row.reason = ""
        match decision:
            case Settle(state=state, effect=effect):
                row.state, row.effect = state, effect
            case Retry():
                row.state, row.reason, row.effect = State.WAITING, str(decision.reason), decision.effect
                row.failures = decision.failures - decision.tentative
                row.pending_trip = self.breaker.trip if decision.tentative else None
                row.due, row.absent_at = self.now + decision.delay, None
            case Confirm():
                row.state, row.effect, row.failures = State.UNCONFIRMED, decision.effect, decision.failures
                row.frozen, row.due = decision.frozen, self.now + decision.delay
                if sent:
                    row.settle_from, row.absent_at = self.now + SETTLE, None
                elif decision.absent:
                    row.absent_at = self.now if row.absent_at is None else row.absent_at
            case Park(effect=effect, reason=reason):
                row.state, row.effect, row.reason = State.DEAD, effect, reason
            case Await():
                raise AssertionError("this provider accepts nothing for later")
        if sent and row.effect is Effect.UNKNOWN:
            row.settle_from = self.now + SETTLE
        if decision is not None and isinstance(decision, Retry) and decision.reason is Reason.EXHAUSTED:
            row.reason = "exhausted"
