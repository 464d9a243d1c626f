"""Bugs that real builds have, planted into the simulation one at a time; each must be caught by what it names.

Every one is a function that changes the platform's own deciding functions, or the model of what surrounds them, for one
test. docs/planted-bugs.md lists them beside those that need real processes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import pytest
from simulation import book, people, sweep
from simulation.book import FAR, Book, Row
from simulation.gate import Gate
from simulation.plan import FOR_EVER, Attack, Order, Plan, Weather, drawn
from simulation.provider import Provider
from simulation.sweep import Sweep
from simulation.world import World

from operations.means import Means
from operations.operation import Purpose
from operations.outcome import Effect, Failed
from operations.states import Reason, State
from resilience import breaker, decide, limiter
from resilience.breaker import Verdict
from resilience.decide import Confirm, Park, Retry

Patch = pytest.MonkeyPatch


@dataclass(frozen=True, slots=True)
class Plant:
    """One bug.

    Attributes:
        bug: what was built wrongly, in the words of docs/planted-bugs.md.
        caught_as: the sort of violation that must name it.
        put: plants it.
        plan: the plans in which it is looked for.
    """

    bug: str
    caught_as: str
    put: Callable[[Patch], None]
    plan: Callable[[int], Plan] = drawn


PLANTS: dict[str, Plant] = {}


def plant(bug: str, *, caught_as: str, plan: Callable[[int], Plan] = drawn) -> Callable[[Any], Any]:
    """Register a bug under its function's name."""

    def register(put: Callable[[Patch], None]) -> Callable[[Patch], None]:
        PLANTS[put.__name__] = Plant(bug, caught_as, put, plan)
        return put

    return register


def calm(seed: int, **weather: Any) -> Plan:
    """Little goes wrong but what is asked for."""
    found = drawn(seed, 40)
    return replace(found, weather=Weather(**weather), orders=())


def busy(seed: int) -> Plan:
    """More to do than the limits allow, and Redis lost in the middle of it."""
    found = drawn(seed, 300)
    flush = Attack("flush", 6.0 + seed % 5, "flush", 0.0)
    return replace(found, weather=Weather(), attacks=(flush,), orders=())


def two_crowds(seed: int) -> Plan:
    """A crowd, Redis lost, and another crowd within the same window."""
    times = [5.7] * 20 + [6.6] * 20
    crowd = tuple(replace(one, at=at, repeats=()) for one, at in zip(drawn(seed, 40).intents, times, strict=True))
    return Plan(seed, Weather(), crowd, (Attack("flush", 5.95, "flush", 0.0),))


def long_outage(seed: int) -> Plan:
    """Nobody can be asked until it is too late, and then a person requeues everything."""
    found, day = drawn(seed), Weather(trouble=0.6, kept_for=400.0, give_up_after=20.0)
    outage = Attack("outage", 4.0 + seed % 5, "outage", 75.0)
    return replace(found, weather=day, attacks=(outage,), orders=(Order("p", 76.0, "requeue", 1.0),))


def gone_for_good(seed: int) -> Plan:
    """A provider that goes away and never comes back."""
    return replace(calm(seed, give_up_after=20.0), attacks=(Attack("outage", 4.0, "outage", FOR_EVER),))


def short_outage(seed: int) -> Plan:
    """An outage of half a minute, and nothing else."""
    return replace(calm(seed), attacks=(Attack("outage", 5.0, "outage", 30.0),))


def frozen(seed: int) -> Plan:
    """Workers that stand still for longer than their leases, some between the claim and the first byte."""
    freezes = tuple(Attack(f"a{at}", at + seed % 3, "freeze", 40.0) for at in (3.0, 9.0))
    return replace(calm(seed, slow=0.4), attacks=freezes)


def frozen_asking(seed: int) -> Plan:
    """The same, and everything can only be asked about."""
    plan = frozen(seed)
    intents = tuple(replace(one, means=Means.QUERY) for one in drawn(seed, 30).intents)
    return replace(plan, weather=Weather(slow=0.9), intents=intents)


def flushed_under_load(seed: int) -> Plan:
    """Redis is lost again and again while slow calls take all places."""
    flushes = tuple(Attack(f"a{at}", at + seed % 3 / 2, "flush", 0.0) for at in range(4, 40, 4))
    return replace(busy(seed), weather=Weather(trouble=0.55), attacks=flushes)


def forgetting(seed: int) -> Plan:
    """Keys that are soon forgotten, and calls that take long to begin."""
    plan = drawn(seed)
    return replace(plan, weather=replace(plan.weather, kept_for=12.0, trouble=0.6, slow=0.3))


# ---- the list of R14 ----


@plant("no fence in the outcome's UPDATE", caught_as="two ends")
def no_fence(patch: Patch) -> None:
    def record(self: Book, lease: Any, decision: Any, now: float, **more: Any) -> bool:
        row = self.rows[lease.operation_id]
        held = replace(lease, state=row.state, fence=row.fence, token=row.token)
        return bool(real(self, held, decision, now, **more))

    real = Book.record
    patch.setattr(Book, "record", record)


@plant("a claim by SELECT, then UPDATE", caught_as="doubled", plan=partial(calm, lossy=0.5))
def claim_in_two_steps(patch: Patch) -> None:
    """What was read when the hint came decides, whatever happened since."""

    def attempt(self: World, row: Row, name: str, *, probe: bool) -> Iterator[tuple[float, str]]:
        seen = real_claimable(self.book, row, self.now)
        yield row.rng.uniform(0.0, 0.5), "between the two"
        if seen:
            row.state, row.due, row.purpose = State.WAITING, self.now, None
            self.book.open[row.number] = row
        yield from real_attempt(self, row, name, probe=probe)

    real_attempt, real_claimable = World.attempt, Book._claimable
    patch.setattr(World, "attempt", attempt)


@plant("a new idempotency key for each attempt", caught_as="doubled")
def key_per_attempt(patch: Patch) -> None:
    patch.setattr(Row, "key", property(lambda row: f"{row.ref}.{row.fence}"))


@plant("a new idempotency key for each requeue", caught_as="doubled", plan=long_outage)
def key_per_epoch(patch: Patch) -> None:
    patch.setattr(Row, "key", property(lambda row: f"{row.ref}.{row.epoch}"))
    patch.setattr(people, "asks_first", lambda *_: False)


@plant("an idempotency key from the body's hash", caught_as="false success")
def key_from_the_body(patch: Patch) -> None:
    """Two orders over the same amount are one to the provider."""
    patch.setattr(Row, "key", property(lambda row: f"{row.kind.means}{row.number % 7}"))


@plant("the body serialised anew at each attempt, with the time in it", caught_as="other bytes under one key")
def body_per_attempt(patch: Patch) -> None:
    patch.setattr(Row, "body", property(lambda row: f"{row.name} sent with {row.fence}"))


@plant("sent before the intent is committed", caught_as="doubled")
def sent_before_the_intent(patch: Patch) -> None:
    """The call is made and then written down: who dies in between leaves no trace."""

    def claim(self: World, row: Row, *args: Any, **more: Any) -> Any:
        before = row.state, row.effect, row.due
        claimed = real(self, row, *args, **more)
        if claimed is not None:
            self.at(0.5, lambda: _forget(row, claimed, before))
        return claimed

    real = World.claim
    patch.setattr(World, "claim", claim)


def _forget(row: Row, claimed: Any, before: Any) -> None:
    if row.state is State.CALLING and row.fence == claimed.lease.fence:
        row.state, row.effect, row.due = before


@plant("sent again after a 504, without a key and without asking", caught_as="doubled")
def sent_again_without_asking(patch: Patch) -> None:
    def again(standing: Any, *_: Any) -> Retry:
        return Retry(1.0, Reason.BACKOFF, Effect.NONE, standing.failures)

    patch.setattr(decide, "_ask_first", again)


@plant("confirmed once, without a settle time", caught_as="doubled")
def confirmed_once(patch: Patch) -> None:
    patch.setattr(decide, "_absent", decide._proven_absent)
    real = decide._ask_first

    def hasty(*args: Any) -> Any:
        decision = real(*args)
        return replace(decision, delay=0.1) if isinstance(decision, Confirm) else decision

    patch.setattr(decide, "_ask_first", hasty)


@plant("an answer that cannot be read counts as failed", caught_as="false none")
def unreadable_is_failed(patch: Patch) -> None:
    real = decide._failed

    def naive(standing: Any, failed: Failed, around: Any) -> Any:
        return real(replace(standing, effect=Effect.NONE), replace(failed, effect=Effect.NONE, down=False), around)

    patch.setattr(decide, "_failed", naive)


@plant("requeued after the key's retention, without asking", caught_as="doubled")
def requeued_after_retention(patch: Patch) -> None:
    patch.setattr(people, "asks_first", lambda *_: False)
    patch.setattr(book, "_purpose", lambda row, _: "send" if row.state is State.WAITING else "inquire")
    real = Book._note_send

    def trusting(self: Book, row: Row, now: float) -> None:
        row.send_until = None
        real(self, row, now)

    patch.setattr(Book, "_note_send", trusting)


@plant("a dispatcher that goes on from the last id", caught_as="given up though all was well")
def cursor_by_id(patch: Patch) -> None:
    real, last = Sweep._without_hint, {"id": -1}

    def beyond(self: Sweep, row: Row) -> bool:
        if self._world.now <= sweep.TICK:
            last["id"] = -1
        if row.number <= last["id"]:
            return False
        last["id"] = row.number
        return real(self, row)

    patch.setattr(Sweep, "_without_hint", beyond)


@plant("marked as sent before it is published, and never looked at again", caught_as="given up though all was well")
def marked_and_forgotten(patch: Patch) -> None:
    patch.setattr(sweep, "STALE", FAR)


@plant("a bucket that is full again after Redis lost its state", caught_as="over the limit", plan=two_crowds)
def full_after_a_flush(patch: Patch) -> None:
    patch.setattr(limiter, "after_loss", lambda *_: None)

    def shut(self: Gate, epoch: int, now: float) -> None:
        self.phase, self.epoch, self.shut_until = "shut", epoch, now

    patch.setattr(Gate, "shut", shut)
    patch.setattr(limiter.Limit, "burst", property(lambda limit: limit.allowed * 0.8))
    patch.setattr(limiter.Limit, "rate", property(lambda limit: limit.allowed * 0.2 / (limit.per + limit.life)))


@plant("a breaker's probe for each process", caught_as="probed at once")
def probe_per_process(patch: Patch) -> None:
    real = breaker.admit
    patch.setattr(breaker, "admit", lambda state, *args, **more: real(replace(state, probe=""), *args, **more))
    patch.setattr(Sweep, "_probe", lambda self, due: [self._world.hint(row, probe=True) for row in due[:4]])


@plant("attempts that are used up while the breaker is open", caught_as="dead in an outage", plan=short_outage)
def outage_uses_up_attempts(patch: Patch) -> None:
    """Hints go out as if nothing were wrong, and each refusal counts as a try."""

    def attempt(self: World, row: Row, name: str, *, probe: bool) -> Iterator[tuple[float, str]]:
        open_ = self.gate.breaker.state is not breaker.BreakerState.CLOSED
        if open_ and not probe and row.state is State.WAITING and row.due <= self.now:
            row.failures += 1
            gone = row.failures >= row.kind.pace.policy.attempts
            burnt = Park("exhausted", row.effect) if gone else Retry(1.0, Reason.BACKOFF, row.effect, row.failures)
            self.book.record(self.book.stray(row), burnt, self.now, heard=None, trip=None)
            return
        yield from real(self, row, name, probe=probe)

    real = World.attempt
    patch.setattr(World, "attempt", attempt)
    patch.setattr(
        Sweep, "_probe", lambda self, due: [self._world.hint(row, probe=not at) for at, row in enumerate(due)]
    )


@plant("a lease by the worker's clock, which is an hour ahead", caught_as="stuck")
def lease_by_the_workers_clock(patch: Patch) -> None:
    real = Book.claim

    def claim(self: Book, row: Row, now: float, **more: Any) -> Any:
        claimed = real(self, row, now, **more)
        if claimed is not None and row.worker.startswith("w1/"):
            row.lease_until += 3600.0
        return claimed

    patch.setattr(Book, "claim", claim)


@plant("a reaper whose batch always begins with what it cannot decide", caught_as="stuck")
def reaper_without_pages(patch: Patch) -> None:
    """It takes the oldest one, and comes back to it for ever because the kind is one that it does not know."""
    real = Book.lapsed

    def lapsed(self: Book, now: float) -> list[Row]:
        return [row for row in real(self, now)[:1] if row.number % 5]

    patch.setattr(Book, "lapsed", lapsed)


# ---- the mends of the twenty interleavings, as far as time and chance decide them ----


@plant("the last attempt's effect replaces the operation's", caught_as="false none")
def last_effect_wins(patch: Patch) -> None:
    patch.setattr(decide, "_effect_after", lambda _, failed: failed.effect)


@plant("the same business key accepted twice is two operations", caught_as="doubled")
def no_uniqueness(patch: Patch) -> None:
    def accept(self: Book, name: str, kind: Any, now: float, rng: Any, **more: str) -> bool:
        generation = 1 + max((row.generation for row in self.rows if row.name == name), default=-1)
        self._insert(name, generation, kind, now, rng, **more)
        return True

    patch.setattr(Book, "accept", accept)


@plant("the next generation is opened while the effect is unknown", caught_as="doubled")
def again_in_doubt(patch: Patch) -> None:
    real = Book.again

    def again(self: Book, row: Row, now: float, rng: Any) -> Row | None:
        row.effect = Effect.NONE if row.state is State.DEAD else row.effect
        return real(self, row, now, rng)

    patch.setattr(Book, "again", again)


@plant("what is open at the provider is left open", caught_as="false")
def left_open(patch: Patch) -> None:
    real = decide._settled

    def hasty(standing: Any, heard: Any, policy: Any) -> Any:
        if isinstance(heard, decide.Open):
            return decide.Settle(State.DECLINED, Effect.NONE, None, heard.code)
        return real(standing, heard, policy)

    patch.setattr(decide, "_settled", hasty)


@plant("the fence throws away a late proof", caught_as="proof thrown away", plan=frozen)
def late_proof_thrown_away(patch: Patch) -> None:
    patch.setattr(Book, "_settle_late", lambda *_, **__: False)


@plant("retention judged when deciding, not before the first byte", caught_as="doubled", plan=forgetting)
def retention_judged_early(patch: Patch) -> None:
    patch.setattr(book, "_purpose", lambda row, _: "inquire" if row.state is State.UNCONFIRMED else "send")
    real = Book.claim

    def claim(self: Book, row: Row, now: float, **more: Any) -> Any:
        claimed = real(self, row, now, **more)
        return None if claimed is None else replace(claimed, key_closes=None)

    patch.setattr(Book, "claim", claim)


@plant("a bucket that holds a whole window", caught_as="over the limit", plan=busy)
def whole_window(patch: Patch) -> None:
    patch.setattr(limiter.Limit, "burst", property(lambda limit: limit.allowed))
    patch.setattr(limiter.Limit, "rate", property(lambda limit: limit.allowed / limit.per))


@plant("places at once begin empty after Redis lost its state", caught_as="too many at once", plan=flushed_under_load)
def places_begin_empty(patch: Patch) -> None:
    real = Gate.reopen
    patch.setattr(Gate, "reopen", lambda self, sent, _, now, **more: real(self, sent, [], now, **more))


@plant("an error of the caller closes the breaker", caught_as="closed in an outage", plan=short_outage)
def neutral_closes(patch: Patch) -> None:
    real = breaker.report

    def report(state: Any, policy: Any, now: float, *, verdict: Verdict, trip: int, token: str) -> Any:
        said = Verdict.OK if verdict is Verdict.NEUTRAL else verdict
        return real(state, policy, now, verdict=said, trip=trip, token=token)

    patch.setattr(breaker, "report", report)


@plant("what cannot be repeated probes while others wait", caught_as="a probe of means X", plan=short_outage)
def probes_with_nothing(patch: Patch) -> None:
    real = Sweep._rank
    patch.setattr(
        Sweep, "_rank", staticmethod(lambda row: (-1.0, 0.0) if row.kind.means is Means.NOTHING else real(row))
    )


@plant("the lease is checked at the claim, not before the first byte", caught_as="doubled", plan=frozen_asking)
def lease_checked_early(patch: Patch) -> None:
    real = Book.claim

    def claim(self: Book, row: Row, now: float, **more: Any) -> Any:
        claimed = real(self, row, now, **more)
        return None if claimed is None else replace(claimed, lease_ends=FAR)

    patch.setattr(Book, "claim", claim)


@plant("a revoke is obeyed whatever may have happened", caught_as="false none")
def revoked_in_doubt(patch: Patch) -> None:
    patch.setattr(decide, "overdue", lambda _, reason: Park(reason, Effect.NONE))


@plant("an inquiry that failed counts as absence", caught_as="doubled")
def failed_inquiry_is_absence(patch: Patch) -> None:
    patch.setattr(decide, "_unclear", lambda standing, _, around: decide._proven_absent(standing, around))


@plant("a question that is never asked again", caught_as="stuck")
def never_asked_again(patch: Patch) -> None:
    patch.setattr(decide, "_unclear", lambda standing, *_: Confirm(1e9, standing.effect, standing.failures))
    patch.setattr(Book, "overdue", lambda *_: [])


@plant("each inquiry that proves nothing puts the decision off", caught_as="stuck", plan=gone_for_good)
def decision_put_off(patch: Patch) -> None:
    real = Book._decide_at

    def later(self: Book, row: Row, state: State, reason: str | None, due: float, now: float) -> float:
        row.decide_at = -FAR
        return real(self, row, state, reason, due, now)

    patch.setattr(Book, "_decide_at", later)


@plant("a provider that shows effects later than it declares", caught_as="doubled")
def slower_than_declared(patch: Patch) -> None:
    patch.setattr(Provider, "lag", 60.0)
    real = Provider.__init__
    patch.setattr(Provider, "__init__", lambda self, kept_for, **more: real(self, kept_for, lag=60.0, **more))


@plant("means X is sent again after a doubt", caught_as="sent again after a doubt")
def nothing_sent_again(patch: Patch) -> None:
    real = decide._ask_first

    def bold(standing: Any, reason: str, failed: Any = None) -> Any:
        if standing.assurance.means is Means.NOTHING and standing.purpose is Purpose.SEND and standing.failures < 3:
            return Retry(1.0, Reason.BACKOFF, Effect.NONE, standing.failures + 1)
        return real(standing, reason, failed)

    patch.setattr(decide, "_ask_first", bold)


@plant("a requeue that may be pressed by two people at once", caught_as="two ends")
def requeued_twice(patch: Patch) -> None:
    """The second press opens the same epoch again instead of meeting a closed letter."""
    real = Book.requeue

    def requeue(self: Book, row: Row, now: float, *, ask_first: bool) -> None:
        ends = row.ends.get(row.epoch, 0)
        real(self, row, now, ask_first=ask_first)
        row.epoch -= 1
        row.ends[row.epoch] = ends

    patch.setattr(Book, "requeue", requeue)
