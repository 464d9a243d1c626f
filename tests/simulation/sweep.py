"""The sweep in simulated time: what nobody holds is taken back, what is out of time decided, what is due hinted at."""

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from simulation.book import FAR, Row
from simulation.gate import LIFE, WINDOW, Gate

from ledger.claim import Lease
from ledger.release import POISONED
from operations.means import Means
from operations.operation import POISON, SUSPECT, Purpose
from operations.outcome import Effect, ErrorClass, Failed, Unclear
from operations.states import DUE, State
from resilience import decide
from resilience.breaker import BreakerState
from resilience.decide import Decision
from resilience.pacing import LaneView, LaneWant, Turns, divide, share

if TYPE_CHECKING:
    from simulation.world import World

TICK = 0.5
MOST = 200  # operations in one look
STALE = 3.0  # seconds after which a hint is taken for lost
UNDER_WAY = 40  # hints per queue
LOOKED_AT = 5  # lanes in one look
HORIZON = 1.0
Lane = tuple[str, Means]  # a tenant, and what it asks for
RANK = {Means.KEY: 1, Means.UNIQUE: 2, Means.QUERY: 3, Means.NOTHING: 9}


class Sweep:
    """One sweep for all workers: whichever is alive works for a tick."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._epoch = 0
        self._turns = Turns(LOOKED_AT)
        self._numbers: dict[Lane, int] = {}
        self._started: str | None = None

    @property
    def gate(self) -> Gate:
        return self._world.gate

    def postgres_started(self, *, strange: bool) -> None:
        """To be seen at the next look: it came back, after a failover if it is strange."""
        self._started = "strange" if strange or self._started == "strange" else "again"

    def tick(self) -> None:
        from simulation.world import LostError  # noqa: PLC0415  the world holds the sweep

        world = self._world
        alive = any(worker.back_at <= world.now and worker.frozen_until <= world.now for worker in world.workers)
        if not alive or world.now < world.postgres_until:
            return
        try:
            self._look()
            self._take_back()
            self._judge()
            self._welcome_changed()
            self._follow()
            if self.gate.available(world.now) and self._remembered():
                self.gate.note()
                self._hint()
        except LostError:
            return  # the rest at the next tick

    def _look(self) -> None:
        world = self._world
        if self._started is not None:
            lease = world.kinds[Means.KEY].terms.lease
            world.book.reap_after = world.now + lease
            if self._started == "strange":
                world.book.calm_until = world.now + lease + world.kinds[Means.QUERY].pace.settle
            self._started = None

    def _take_back(self) -> None:
        world = self._world
        for row in world.book.lapsed(world.now)[:MOST]:
            lease = world.book.stray(row)
            lost: Failed | Unclear = Failed(ErrorClass.AMBIGUOUS, Effect.UNKNOWN, "worker_lost")
            if lease.standing.purpose is Purpose.INQUIRE:
                lost = Unclear("worker_lost")
            poison = row.reason == POISONED
            around = world.around(row, 0, closed=True)
            decision = decide.poisoned(lease.standing) if poison else decide.decide(lease.standing, lost, around)
            world.figures["taken back"] += 1
            crashes = POISON if poison else max(row.crashes, min(row.crashes + 1, SUSPECT))
            self._write(row, lease, decision, heard=(f"lost {world.counter} {row.fence}", "lost"), crashes=crashes)

    def _judge(self) -> None:
        world = self._world
        for row, why in world.book.overdue(world.now)[:MOST]:
            lease = world.book.stray(row)
            if why == "exhausted":
                standing = replace(lease.standing, failures=row.failures + (row.pending_trip is not None))
                opened = self._opened_since(row)
                decision = decide.exhausted(standing, breaker_opened=opened, policy=row.kind.pace.policy)
            else:
                decision = decide.overdue(lease.standing, "no_answer" if lease.standing.awaiting else why)
            self._write(row, lease, decision)

    def _welcome_changed(self) -> None:
        """The work of tenants goes on whose credentials are others than those that were refused."""
        world = self._world
        for tenant, (refused, _) in list(world.book.pauses.items()):
            if world.credentials[tenant] != refused:
                world.commit(world.rng, lambda tenant=tenant: world.book.lift(tenant, world.now))

    def _follow(self) -> None:
        for row in self._world.book.follow_ups(self._world.now, MOST):
            self._world.hint(row)

    def _opened_since(self, row: Row) -> bool:
        gate = self.gate
        if not gate.available(self._world.now) or gate.phase != "open":
            return True
        return gate.breaker.state is not BreakerState.CLOSED or gate.breaker.trip != row.pending_trip

    def _write(self, row: Row, lease: Lease, decision: Decision, **more: Any) -> None:
        world = self._world
        heard = more.pop("heard", None)
        world.commit(row.rng, lambda: world.book.record(lease, decision, world.now, heard=heard, trip=None, **more))

    def _remembered(self) -> bool:
        """Whether Redis holds what admission needs; the epoch is raised in the ledger first."""
        gate, world = self.gate, self._world
        if gate.phase == "lost":
            self._epoch += 1
            gate.shut(self._epoch, world.now)
        if gate.phase == "shut" and gate.shut_until <= world.now:
            sent = sum(1 for at in reversed(world.book.attempts[-100:]) if at > world.now - WINDOW.per - LIFE)
            calling = [row for row in world.book.open.values() if row.state is State.CALLING]
            leases = [(str(row.token), max(row.lease_until, world.now + 0.1)) for row in calling]
            held = [row for row in calling if row.lease_until >= world.now]  # by who may still be at it
            gate.reopen(sent, leases, world.now, under_way=held)
        return gate.phase == "open"

    def _hint(self) -> None:
        world = self._world
        for dropped in self.gate.refused:
            if isinstance(dropped, Row):
                dropped.hinted = None
        self.gate.refused.clear()
        due = [row for row in world.book.open.values() if row.state in DUE and row.due <= world.now]
        due = [row for row in due if row.tenant not in world.book.pauses]
        if not due:
            return
        due.sort(key=lambda row: row.due)
        if self.gate.breaker.state is not BreakerState.CLOSED:
            self._probe(due)
            return
        free: dict[Lane, list[Row]] = defaultdict(list)
        hinted: dict[Lane, int] = defaultdict(int)
        for row in due:
            lane = row.tenant, row.kind.means
            if not self._without_hint(row):
                hinted[lane] += 1
            elif row.reason != "exhausted":
                free[lane].append(row)
        counts = self._counts(free, hinted)
        self._publish([row for lane, count in counts.items() for row in free[lane][:count]])

    def _without_hint(self, row: Row) -> bool:
        return row.hinted is None or row.hint_epoch < self._epoch or row.hinted < self._world.now - STALE

    def _counts(self, free: dict[Lane, list[Row]], hinted: dict[Lane, int]) -> dict[Lane, int]:
        numbers = [self._numbers.setdefault(lane, len(self._numbers)) for lane in sorted(free)]
        known = dict(zip(numbers, sorted(free), strict=True))
        taken = self._turns.take(numbers, int)
        taken += [number for number in numbers if hinted[known[number]] and number not in taken]
        lanes = {number: known[number] for number in taken}
        room = self.gate.room(self._world.now, HORIZON)
        rooms = divide(
            LaneWant(number, len(free[lane]) + hinted[lane], room, (("all", room),))
            for number, lane in sorted(lanes.items(), key=lambda one: not hinted[one[1]])
        )
        views = [
            LaneView(number, "p", lane[0], len(free[lane]), hinted[lane], hinted[lane], rooms[number])
            for number, lane in lanes.items()
        ]
        counts = share(views, window=UNDER_WAY, hinted={"p": sum(hinted.values())})
        self._turns.end({one.lane for one in views if one.lane not in counts and room > one.hinted})
        return {lanes[number]: count for number, count in counts.items()}

    def _publish(self, rows: list[Row]) -> None:
        """Noted first, then published over the next second; a sweep that dies between them has lost its hints."""
        world = self._world
        for at, row in enumerate(rows):
            row.hinted, row.hint_epoch = world.now, self._epoch
            if not (world.weather.crashy and row.rng.random() < world.weather.crashy):
                world.hint(row, after=HORIZON * at / len(rows))

    def _probe(self, due: list[Row]) -> None:
        breaker, now = self.gate.breaker, self._world.now
        if now < breaker.retry_at or (breaker.probe and now < breaker.probe_until):
            return
        chosen = min(due, key=self._rank, default=None)
        if chosen is not None and chosen.reason != "exhausted":
            chosen.hinted, chosen.hint_epoch = now, self._epoch
            self._world.hint(chosen, probe=True)

    @staticmethod
    def _rank(row: Row) -> tuple[float, float]:
        if row.reason == "exhausted":
            return FAR, row.due
        return (0 if row.state is State.UNCONFIRMED else RANK[row.kind.means]), row.due
