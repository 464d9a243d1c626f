"""More bugs planted into the simulation: of tenants, clocks, what takes its worker down, and what follows a success."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from simulation import book, sweep, world
from simulation.book import Book, Row
from simulation.canvas import Canvas
from simulation.plan import TENANTS, Attack, Plan, Weather, drawn
from simulation.planted import PLANTS, Patch, calm, frozen_asking, plant
from simulation.sweep import Sweep
from simulation.world import Worker, World

from operations.operation import POISON
from operations.states import State

__all__ = ["PLANTS"]
_PATIENCE = 30.0  # seconds that nothing takes of tenants without trouble, an answer that comes later included


def one_refused(seed: int) -> Plan:
    """One tenant's credentials are worth nothing for 40 seconds, and nobody else has any trouble."""
    attack = Attack("a", 2.0 + seed % 5, "refuse", 40.0, TENANTS[0])
    found = drawn(seed, 60)
    intents = tuple(replace(one, deadly=False) for one in found.intents)
    patience = tuple((tenant, _PATIENCE) for tenant in TENANTS[1:])
    return replace(found, weather=Weather(), intents=intents, attacks=(attack,), orders=(), patience=patience)


def rotated(seed: int) -> Plan:
    """Credentials are refused and changed again and again, while calls that they made are still under way."""
    refusals = [Attack(f"r{at}", at + 0.5, "refuse", 0.9, TENANTS[0]) for at in range(3, 20, 2)]
    refusals += [
        Attack(f"f{at}.{number}", at + 0.5 + 0.04 * number, "freeze", 1.5)
        for at in range(3, 20, 2)
        for number in (1, 2, 3)
    ]
    found = drawn(seed, 150)
    intents = tuple(replace(one, tenant=TENANTS[0], deadly=False) for one in found.intents)
    return replace(found, weather=Weather(slow=0.3), intents=intents, attacks=tuple(refusals), orders=())


def a_crowd_of_one(seed: int) -> Plan:
    """One tenant asks for 400 things at once, the others now and then for one."""
    found = tuple(replace(one, deadly=False) for one in drawn(seed, 420).intents)
    crowd = tuple(replace(one, at=0.5, tenant=TENANTS[0]) for one in found[:400])
    crowd += tuple(replace(one, tenant=TENANTS[1]) for one in found[400:])
    return Plan(seed, Weather(), crowd, patience=((TENANTS[1], _PATIENCE),))


def jumping_clocks(seed: int) -> Plan:
    """Workers that stand still, and whose wall clocks jump meanwhile."""
    plan = frozen_asking(seed)
    jumps = tuple(Attack(f"j{number}", 2.0 + 3 * number, "clock", 0.0) for number in range(12))
    return replace(plan, attacks=plan.attacks + jumps)


def only_jumping_clocks(seed: int) -> Plan:
    """Clocks that jump now and then, and calls that fail now and then."""
    return replace(
        jumping_clocks(seed), weather=Weather(trouble=0.3), orders=(), attacks=jumping_clocks(seed).attacks[2:]
    )


def deadly(seed: int) -> Plan:
    """One operation in five takes down whoever sends it, and workers are killed beside that."""
    plan = drawn(seed, 60)
    intents = tuple(replace(one, deadly=number % 5 == 0) for number, one in enumerate(plan.intents))
    kills = tuple(Attack(f"k{at}", float(at), "kill", 0.0) for at in range(5, 60, 5))
    return replace(plan, weather=Weather(crashy=0.02), intents=intents, attacks=kills, orders=())


def followed(seed: int) -> Plan:
    """Everything is a step of a chain or a member of a chord, and dies now and then in between."""
    plan = drawn(seed, 60)
    intents = tuple(
        replace(one, chain=number % 2 == 0, chord=f"c{number // 12}" if number % 2 else "", deadly=False)
        for number, one in enumerate(plan.intents)
    )
    return replace(plan, weather=Weather(crashy=0.05, lossy=0.2), intents=intents, orders=())


# ---- tenants ----


@plant("a session for each provider instead of each tenant", caught_as="another tenant's credentials", plan=calm)
def session_per_provider(patch: Patch) -> None:
    patch.setattr(Worker, "credential", lambda self, tenant, known: self.sessions.setdefault("p", known[tenant]))


@plant(
    "refused credentials hold back the provider's work of all tenants", caught_as="delayed by another", plan=one_refused
)
def refusal_holds_all(patch: Patch) -> None:
    real = Book.pause

    def pause(self: Book, tenant: str, credential: str, now: float) -> None:
        for one in TENANTS:
            real(self, one, credential if one == tenant else "", now)

    def welcome(self: Sweep) -> None:
        known, pauses = self._world.credentials, self._world.book.pauses
        if any(credential not in {"", known[tenant]} for tenant, (credential, _) in pauses.items()):
            real_welcome(self)

    real_welcome = Sweep._welcome_changed
    patch.setattr(Book, "pause", pause)
    patch.setattr(Sweep, "_welcome_changed", welcome)


@plant("a late refusal of old credentials holds back the new ones", caught_as="given up though", plan=rotated)
def refusal_of_the_old_ones(patch: Patch) -> None:
    real = World.refused
    patch.setattr(World, "refused", lambda self, row, heard, _: real(self, row, heard, self.credentials[row.tenant]))


@plant("hints in the order of what is due, whoever waits", caught_as="delayed by another", plan=a_crowd_of_one)
def first_come_first_served(patch: Patch) -> None:
    def share(lanes: Any, *, window: int, hinted: dict[str, int]) -> dict[int, int]:
        free, given = window - sum(hinted.values()), {}
        for lane in sorted(lanes, key=lambda lane: lane.tenant):
            given[lane.lane] = max(0, min(free, lane.due))
            free -= given[lane.lane]
        return given

    patch.setattr(sweep, "share", share)
    patch.setattr(sweep, "divide", lambda wants: {want.lane: want.room for want in wants})


# ---- clocks ----


@plant("a lease measured by the wall clock", caught_as="doubled", plan=jumping_clocks)
def durations_by_the_wall(patch: Patch) -> None:
    patch.setattr(Worker, "boottime", Worker.wall)


@plant("the next attempt due by the worker's wall clock", caught_as="given up though", plan=only_jumping_clocks)
def due_by_the_wall(patch: Patch) -> None:
    real = World.record

    def record(self: World, claimed: Any, *args: Any) -> bool:
        row, worker = claimed.row, self.workers[int(claimed.row.worker[1:2] or 0)]
        wrote = real(self, claimed, *args)
        if not row.state.ended:
            row.due += worker.ahead
        return wrote

    patch.setattr(World, "record", record)


# ---- what takes its worker down ----


@plant("who was beside a crash three times is called poison", caught_as="an innocent called poison", plan=deadly)
def neighbours_are_guilty(patch: Patch) -> None:
    patch.setattr(sweep, "SUSPECT", POISON)


@plant("what takes workers down is never carried out alone", caught_as="poison sent on", plan=deadly)
def never_alone(patch: Patch) -> None:
    patch.setattr(world, "SUSPECT", 99)
    patch.setattr(book, "SUSPECT", 99)


@plant("what took down its own process is tried again", caught_as="poison sent on", plan=deadly)
def poison_tried_again(patch: Patch) -> None:
    patch.setattr(sweep, "POISONED", "never")


# ---- what follows a success ----


@plant("what follows is sent by who saw the end, and by nobody else", caught_as="what follows is lost", plan=followed)
def nobody_follows_up(patch: Patch) -> None:
    patch.setattr(Sweep, "_follow", lambda _: None)


@plant("what follows is noted as sent before it is", caught_as="what follows is lost", plan=followed)
def noted_before_it_is_sent(patch: Patch) -> None:
    real = Canvas.go_on

    def go_on(self: Canvas, row: Row) -> Iterator[tuple[float, str]]:
        self._world.book.finalise(row)
        yield from real(self, row)

    patch.setattr(Canvas, "go_on", go_on)


@plant("what follows gets a new name each time that it is sent", caught_as="followed twice", plan=followed)
def follows_named_anew(patch: Patch) -> None:
    real = Canvas.accept

    def accept(self: Canvas, row: Row, name: str, body_of: str = "") -> None:
        real(self, row, f"{name}{len(self._world.book.rows)}", body_of)

    patch.setattr(Canvas, "accept", accept)


@plant("a chord counts messages instead of members", caught_as="followed too early", plan=followed)
def messages_counted(patch: Patch) -> None:
    def add_part(self: Book, row: Row, size: int) -> bool:
        parts = self.parts.setdefault(row.chord, set())
        parts.add(f"{row.name} {len(parts)}")
        return len(parts) >= size

    patch.setattr(Book, "add_part", add_part)


@plant("a member that failed counts as one that succeeded", caught_as="followed too early", plan=followed)
def any_end_counts(patch: Patch) -> None:
    real = Sweep._follow

    def follow(self: Sweep) -> None:
        for row in list(self._world.book.unfinished.values()):
            if row.state in {State.DECLINED, State.DEAD} and row.chord:
                self._world.book.parts.setdefault(row.chord, set()).add(row.name)
        real(self)

    patch.setattr(Sweep, "_follow", follow)
