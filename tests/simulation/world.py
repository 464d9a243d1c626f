"""Workers that stop at any point, messages that get lost, a ledger whose answers do: in simulated time, from a plan.

What decides is the platform's own pure functions; what SQL and Redis do around them is modelled in `book` and `gate`.
"""

import heapq
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from simulation.book import Book, Claimed, Kind, Row
from simulation.canvas import Canvas
from simulation.gate import LIFE, Gate, Permit
from simulation.people import People
from simulation.plan import HEALED, TENANTS, Attack, Intent, Plan, drawn
from simulation.provider import Provider
from simulation.sweep import TICK, Sweep

from ledger.claim import Terms
from ledger.record import Pace
from operations.means import Assurance, Means
from operations.operation import SUSPECT, Purpose, RetryPolicy
from operations.outcome import Deferred, Failed, Present, Succeeded, Unclear
from operations.states import DUE, State
from resilience import decide
from resilience.breaker import BreakerPolicy, Verdict
from resilience.decide import Around, Decision

LEASE, TOTAL, SETTLE = 7.0, 3.0, 4.0
BREAKER = BreakerPolicy(open_for=2.0, open_for_max=8.0, probe_life=LEASE, ramp=4.0, min_calls=10)
WORKERS = 3
THE_END = 3000.0  # simulated seconds after which what has not ended is stuck


class LostError(Exception):
    """The ledger's answer was lost; the commit may have been made."""


@dataclass(slots=True)
class Worker:
    """One process, on a machine of its own.

    Attributes:
        life: raised when it dies; what ran in an earlier life goes no further.
        booted: when its machine was, so that no two machines' durations count from the same moment.
        ahead: seconds by which its wall clock is wrong; it jumps.
    """

    name: str
    life: int = 0
    back_at: float = 0.0
    frozen_until: float = 0.0
    booted: float = 0.0
    ahead: float = 0.0
    sessions: dict[str, str] = field(default_factory=dict)

    def boottime(self, now: float) -> float:
        """What durations are measured by."""
        return now - self.booted

    def wall(self, now: float) -> float:
        """What nothing may be measured by."""
        return now + self.ahead

    def credential(self, tenant: str, known: dict[str, str]) -> str:
        """What a call for a tenant is made with: a session for each."""
        self.sessions[tenant] = known[tenant]
        return self.sessions[tenant]


@dataclass(frozen=True, slots=True)
class Run:
    """One attempt under way in one life of a worker."""

    steps: Iterator[tuple[float, str]]
    worker: Worker
    life: int
    row: Row
    name: str


class World:
    """One run.

    Args:
        plan: what happens, or its seed.
    """

    def __init__(self, plan: Plan | int, operations: int = 100) -> None:
        self.plan = drawn(plan, operations) if isinstance(plan, int) else plan
        self.weather = self.plan.weather
        self.rng = Random(self.plan.seed)
        self.now = 0.0
        self.queue: list[tuple[float, int, Callable[[], None]]] = []
        self.counter = 0
        self.book, self.gate = Book(), Gate(BREAKER)
        self.provider = Provider(self.weather.kept_for, trouble=self.weather.trouble)
        self.workers = [Worker(f"w{number}", booted=-1e6 * number) for number in range(WORKERS)]
        self.credentials = {tenant: f"{tenant}/1" for tenant in TENANTS}
        self.kinds = {means: self._kind(means) for means in Means}
        self.wire = 0  # raised when Redis loses what is under way
        self.postgres_until = -1.0
        self.sweep, self.people, self.canvas = Sweep(self), People(self), Canvas(self)
        self.intents = {intent.name: intent for intent in self.plan.intents}
        self.alone: set[str] = set()  # attempts in a process of their own
        self.died_alone: Counter[str] = Counter()  # by operation and epoch: a process of its own that died by itself
        self.sent_alone: Counter[str] = Counter()  # the same, while it was being sent
        self.died_of: Counter[str] = Counter()  # by operation and epoch: others' processes that it took down
        self.accepted: dict[str, Means] = {}
        self.waiting_intents = len(self.plan.intents)
        self.calls: dict[str, tuple[float, float]] = {}  # by attempt: from when to when, unless its client dies
        self.proven: set[str] = set()  # keys whose success a living worker wrote down
        self.figures: Counter[str] = Counter()

    def _kind(self, means: Means) -> Kind:
        kept = self.weather.kept_for if means is Means.KEY else 0.0
        assurance = Assurance(means, kept, 0.0 if means is Means.NOTHING else SETTLE, money=self.weather.money)
        policy = RetryPolicy(
            give_up_after=self.weather.give_up_after, ceiling=8.0, ask_every=3.0, answer_within=60.0
        )  # fmt: skip
        return Kind(f"p.{means}", Terms(assurance, LEASE, TOTAL), Pace(policy, assurance.settle, 3 * SETTLE + 20.0))

    # ---- time ----

    def at(self, delay: float, action: Callable[[], None]) -> None:
        self.counter += 1
        heapq.heappush(self.queue, (self.now + delay, self.counter, action))

    def run(self) -> "World":
        for intent in self.plan.intents:
            for at in (intent.at, *intent.repeats):
                rng = Random(f"{self.plan.seed}/{intent.name}/{at}")
                self.at(at, lambda intent=intent, rng=rng: self.accept(intent, rng))  # type: ignore[misc]
        for attack in self.plan.attacks:
            self.at(attack.at, lambda attack=attack: self.attack(attack))  # type: ignore[misc]
        for order in self.plan.orders:
            self.at(order.at, lambda order=order: self.people.carry_out(order))  # type: ignore[misc]
        self.at(HEALED, self.heal)
        self.at(0.0, self.tick)
        while self.queue and self.now < THE_END:
            self.now, _, action = heapq.heappop(self.queue)
            action()
        self.provider.close_of_business(self.now)
        return self

    def tick(self) -> None:
        if self.book.open or self.queue or self.book.to_follow:  # otherwise nothing will happen: the run is over
            self.at(TICK, self.tick)
        self.sweep.tick()

    def heal(self) -> None:
        """Faults stop; from here on everything must come to an end."""
        self.provider.trouble = 0.0
        self.weather = self.plan.only(()).weather

    # ---- what is broken ----

    def attack(self, attack: Attack) -> None:
        self.figures[f"attack {attack.what}"] += 1
        until = self.now + attack.seconds
        match attack.what:
            case "outage":
                self.provider.down_until = max(until, self.provider.down_until)
                self.provider.outages.append((self.now, until))
            case "flush":
                self.wire += 1
                self.gate.lose()
            case "redis":
                self.wire += 1
                self.gate.lose()
                self.gate.away_until = until
            case "postgres" | "failover":
                self.postgres_until = until
                self.sweep.postgres_started(strange=attack.what == "failover")
            case "kill":
                self.kill(self.rng.choice(self.workers))
            case "freeze":
                self.rng.choice(self.workers).frozen_until = until
            case "clock":
                self.rng.choice(self.workers).ahead = self.rng.choice([-600.0, 600.0])
            case "refuse":
                self.refuse(attack.whom, attack.seconds)

    def refuse(self, tenant: str, seconds: float) -> None:
        """A tenant's credentials are worth nothing any more, until somebody sets others."""
        self.provider.refused.add(self.credentials[tenant])

        def change() -> None:
            name, _, version = self.credentials[tenant].partition("/")
            self.credentials[tenant] = f"{name}/{int(version) + 1}"

        self.at(seconds, change)

    def kill(self, worker: Worker) -> None:
        worker.life += 1
        worker.back_at = self.now + self.rng.uniform(0.5, 3.0)
        worker.frozen_until = 0.0
        for name in [name for name in self.calls if name.startswith(f"{worker.name}/")]:
            self.hang_up(name)

    def hang_up(self, name: str) -> None:
        """A call is over: answered, or its client is gone."""
        if name in self.calls:
            start, end = self.calls.pop(name)
            self.provider.spans.append((start, min(end, self.now)))

    # ---- the caller ----

    def accept(self, intent: Intent, rng: Random) -> None:
        """A caller calls until it has been told; the row or nothing is there, whatever it was told."""
        chain = f"{intent.name}>" if intent.chain else ""
        try:
            new = self.commit(
                rng,
                lambda: self.book.accept(
                    intent.name, self.kinds[intent.means], self.now, rng,
                    tenant=intent.tenant, chain=chain, chord=intent.chord,
                ),
            )  # fmt: skip
        except LostError:
            self.at(rng.uniform(0.1, 2.0), lambda: self.accept(intent, rng))
            return
        self.accepted[intent.name] = intent.means
        if new:
            row = self.book.current[intent.name]
            row.hinted, row.hint_epoch = self.now, self.gate.epoch
            self.hint(row)

    # ---- messages ----

    def hint(self, row: Row, *, probe: bool = False, after: float = 0.0) -> None:
        """Publish one: it may get lost, be doubled, or come late and out of order."""
        self.figures["hints"] += 1
        if probe and row.kind.means is Means.NOTHING and self._others_wait():
            self.figures["probes of means X"] += 1
        lossy, wire = self.weather.lossy, self.wire
        if not self.gate.available(self.now) or row.rng.random() < lossy:
            self.figures["messages lost"] += 1
            return
        for _ in range(1 + (row.rng.random() < lossy)):
            delay = row.rng.uniform(0.0, 20.0) if row.rng.random() < lossy / 3 else row.rng.uniform(0.001, 0.1)
            self.at(after + delay, lambda: self.deliver(row, wire, probe=probe))

    def _others_wait(self) -> bool:
        due = (row for row in self.book.open.values() if row.state in DUE and row.due <= self.now)
        return any(row.kind.means is not Means.NOTHING and row.reason != "exhausted" for row in due)

    def deliver(self, row: Row, wire: int, *, probe: bool) -> None:
        if wire != self.wire:
            return  # it was in Redis when that lost everything
        alive = [worker for worker in self.workers if worker.back_at <= self.now]
        if not alive:
            self.at(0.2, lambda: self.deliver(row, wire, probe=probe))
            return
        self.counter += 1
        worker = row.rng.choice(alive)
        name = f"{worker.name}/{self.counter}"
        self.resume(Run(self.attempt(row, name, probe=probe), worker, worker.life, row, name))

    # ---- a worker ----

    def resume(self, run: Run, where: str = "on delivery") -> None:
        """Go on with an attempt, unless its worker is gone; it may go right here."""
        worker, crashy = run.worker, self.weather.crashy
        if worker.life != run.life:
            return
        if worker.frozen_until > self.now:
            self.at(worker.frozen_until - self.now, lambda: self.resume(run, where))
            return
        if crashy and run.row.rng.random() < crashy:
            self.figures[f"died {where}"] += 1
            self._die(run, guilty=False)
            return
        step = next(run.steps, None)
        if step is not None:
            delay, after = step
            if self._deadly(run, after):
                self._die(run, guilty=True)
            else:
                self.at(delay, lambda: self.resume(run, after))

    def _deadly(self, run: Run, where: str) -> bool:
        intent = self.intents.get(run.row.name)
        return intent is not None and intent.deadly and where == "with the answer unheard" and run.row.purpose == "send"

    def _die(self, run: Run, *, guilty: bool) -> None:
        """The whole process, or the child that makes this call: its parent ends its lease at once."""
        row, alone = run.row, run.name in self.alone
        name = f"{row.ref} in epoch {row.epoch}"
        if guilty and not alone:
            self.died_of[name] += 1
            self.figures["workers that an operation took down"] += 1
        if row.rng.random() < (0.0 if guilty and alone else 0.7 if guilty else 0.3):
            self.kill(run.worker)
            return
        self.hang_up(run.name)
        if self.now < self.postgres_until:
            return
        if alone:
            blamed = self.book.blame(row, run.name, self.now)
            self.died_alone[name] += blamed
            self.sent_alone[name] += blamed and row.purpose == "send"
        else:
            self.book.lapse(run.name, self.now)

    def attempt(self, row: Row, name: str, *, probe: bool) -> Iterator[tuple[float, str]]:
        """Admit, claim, call, record; each yield is a place to stop at, with the seconds until the next."""
        rng, gate, worker = row.rng, self.gate, self.worker(name)
        if row.follows and row.state is State.SUCCEEDED:
            yield from self.follow(row)
            return
        permit = gate.ask(self.now, self.counter, may_probe=probe, lease=LEASE, row=row)
        if permit is None:
            return
        permit = replace(permit, asked_at=worker.boottime(self.now))
        yield rng.uniform(0.0, 0.01), "before the claim"
        token, asked_at = permit.token, worker.boottime(self.now)
        try:
            claimed = self.claim(row, permit, name, asked_at)
        except LostError:
            gate.report(permit, Verdict.NEUTRAL, self.now)
            yield from self.persist(rng, lambda: self.book.release(row, token), LEASE)
            return
        if claimed is None:
            gate.report(permit, Verdict.NEUTRAL, self.now)
            return
        connect = rng.uniform(0.2, 5.0) if rng.random() < self.weather.slow else rng.uniform(0.0, 0.1)
        yield connect, "before the first byte"
        credential = worker.credential(row.tenant, self.credentials)
        heard, took, permit = self.speak(claimed, permit, worker, credential)
        self.calls[name] = self.now, self.now + took
        yield took, "with the answer unheard"
        self.hang_up(name)
        closed = self.report(permit, heard)
        self.provider_heard(claimed, heard)
        yield rng.uniform(0.0, 0.01), "before the record"
        decision = decide.decide(claimed.lease.standing, heard, self.around(row, claimed.rounds, closed=closed))
        self.figures["attempts"] += 1
        self.refused(row, heard, credential)
        yield from self.persist(rng, lambda: self.record(claimed, heard, decision, permit), 600.0)
        if row.follows and row.state is State.SUCCEEDED:
            yield from self.follow(row)

    def follow(self, row: Row) -> Iterator[tuple[float, str]]:
        """Send what follows; where the ledger does not answer, the sweep comes back to it."""
        with suppress(LostError):
            yield from self.canvas.go_on(row)

    def worker(self, name: str) -> Worker:
        """The one that makes an attempt, by the attempt's name."""
        return self.workers[int(name[1 : name.index("/")])]

    def refused(self, row: Row, heard: Any, credential: str) -> None:
        """The provider blames the credentials: their tenant's work waits until they are changed, and nobody else's."""
        if isinstance(heard, Failed) and heard.connection and self.now >= self.postgres_until:
            self.figures["credentials that were refused"] += 1
            self.book.pause(row.tenant, credential, self.now)

    def claim(self, row: Row, permit: Permit, name: str, asked_at: float) -> Claimed | None:
        alone = row.crashes >= SUSPECT
        if alone:
            self.alone.add(name)
        return self.commit(
            row.rng,
            lambda: self.book.claim(
                row, self.now, token=permit.token, trip=permit.trip, worker=name, asked_at=asked_at, alone=alone
            ),
        )

    def speak(self, claimed: Claimed, permit: Permit, worker: Worker, credential: str) -> tuple[Any, float, Permit]:
        """The checks before the first byte, and the call."""
        row, sends = claimed.row, claimed.lease.standing.purpose is Purpose.SEND
        now = worker.boottime(self.now)
        if now + TOTAL > claimed.lease_ends:
            return Deferred("lease_short"), 0.0, permit
        if sends and claimed.key_closes is not None and now > claimed.key_closes:
            return Deferred("key_closing"), 0.0, permit
        if now - permit.asked_at > LIFE:
            self.gate.report(permit, Verdict.NEUTRAL, self.now)
            self.counter += 1
            again = self.gate.ask(self.now, self.counter, may_probe=False, lease=LEASE)
            if again is None:
                return Deferred("permit_void", LIFE), 0.0, permit
            permit = again
        if sends:
            return *self.provider.send(row, self.now, credential), permit
        return *self.provider.look_up(row, self.now, credential), permit

    def provider_heard(self, claimed: Claimed, heard: Any) -> None:
        if claimed.lease.standing.purpose is Purpose.SEND and not isinstance(heard, Deferred):
            self.provider.heard(claimed.row, heard)
            self.figures[f"ambiguous {claimed.row.kind.means}"] += (
                isinstance(heard, Failed) and heard.effect == "unknown"
            )

    def report(self, permit: Permit, heard: Any) -> bool:
        down = isinstance(heard, Unclear) or (isinstance(heard, Failed) and heard.down)
        neutral = isinstance(heard, (Failed, Deferred)) and not down
        verdict = Verdict.DOWN if down else Verdict.NEUTRAL if neutral else Verdict.OK
        wait = heard.retry_after if isinstance(heard, Failed) and heard.error_class == "rate_limited" else None
        closed = self.gate.report(permit, verdict, self.now, wait)
        if self.now >= self.postgres_until:
            self.gate.note()
        return closed

    def record(self, claimed: Claimed, heard: Any, decision: Decision, permit: Permit) -> bool:
        said = heard.outcome if isinstance(heard, Present) else heard
        if _done(heard):
            self.proven.add(claimed.row.ref)
        return self.book.record(
            claimed.lease, decision, self.now, heard=(permit.token, _name_of(heard)),
            trip=permit.trip, reference=getattr(said, "reference", None),
        )  # fmt: skip

    def around(self, row: Row, rounds: int, *, closed: bool) -> Around:
        return Around(row.kind.pace.policy, row.rng, breaker_closed=closed, rounds=rounds)

    def nothing_there(self, row: Row) -> bool:
        """Whether somebody who looks at the provider, and waits long enough, finds nothing."""
        return row.key not in self.provider.things and row.state is State.DEAD and self.now > row.due + LEASE + SETTLE

    # ---- the ledger ----

    def commit(self, rng: Random, action: Callable[[], Any]) -> Any:
        """One transaction: it may not be made, and its answer may be lost either way.

        Raises:
            LostError: nobody knows.
        """
        if self.now < self.postgres_until:
            raise LostError
        if self.weather.forgetful and rng.random() < self.weather.forgetful:
            self.figures["commits' answers lost"] += 1
            if rng.random() < 0.5:
                action()
            raise LostError
        return action()

    def persist(self, rng: Random, action: Callable[[], Any], most: float) -> Iterator[tuple[float, str]]:
        """Until it is written, or it has become pointless."""
        give_up = self.now + most
        while self.now <= give_up:
            with suppress(LostError):
                self.commit(rng, action)
                return
            yield rng.uniform(0.1, 1.0), "before writing again"


def _done(heard: Any) -> bool:
    return isinstance(heard.outcome if isinstance(heard, Present) else heard, Succeeded)


def _name_of(heard: Any) -> str:
    return "done" if _done(heard) else "deferred" if isinstance(heard, Deferred) else "heard"
