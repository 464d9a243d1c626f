"""People at work on dead letters, in simulated time; what they may do is the platform's own `deadletter.requeue`."""

from contextlib import suppress
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

from simulation.book import Row
from simulation.plan import Order

from deadletter.requeue import asks_first, refuse
from ledger.letters import Dead, DeadLetter
from operations.errors import NotAllowedError
from operations.outcome import Effect
from operations.states import State

if TYPE_CHECKING:
    from simulation.world import World


class People:
    """Carries out a person's order at a share of what lies there."""

    def __init__(self, world: "World") -> None:
        self._world = world

    def carry_out(self, order: Order) -> None:
        if self._world.now < self._world.postgres_until:
            self._world.at(5.0, lambda: self.carry_out(order))
            return
        chosen = [row for row in self._world.book.rows if row.rng.random() < order.share]
        for _ in range(1 + order.twice):
            for row in chosen:
                self._one(order.what, row)

    def _one(self, what: str, row: Row) -> None:
        world = self._world
        match what:
            case "revoke":
                world.book.revoke(row, world.now)
            case "again":
                after = world.book.again(row, world.now, row.rng)
                world.figures["next generations"] += after is not None
            case _ if row.letters.get(row.epoch) == "open":
                with suppress(NotAllowedError):
                    self._decide(what, row)
                    world.figures[what] += 1

    def _decide(self, what: str, row: Row) -> None:
        world = self._world
        dead, bound = self._dead(row), SimpleNamespace(assurance=row.kind.terms.assurance)
        match what:
            case "requeue":
                refuse(dead, bound)  # type: ignore[arg-type]
                world.book.requeue(row, world.now, ask_first=asks_first(dead, bound))  # type: ignore[arg-type]
            case "discard":
                world.book.discard(row)
            case "rule_out":
                self._rule_out(row)

    def _rule_out(self, row: Row) -> None:
        """The person looks at the provider, long after, and tells the truth."""
        if row.effect is Effect.UNKNOWN and self._world.nothing_there(row):
            self._world.book.rule_out(row)
            self._world.provider.doubts[row.ref] = 0

    def _dead(self, row: Row) -> Dead:
        now, forgotten = datetime.now(UTC), row.send_until is not None and row.send_until < self._world.now
        letter: Any = DeadLetter(
            1, None, row.epoch, "", "p", row.kind.name, row.name, row.reason or "", None, row.effect, row.code, None, "",  # type: ignore[arg-type]
            row.letters[row.epoch], now, None, None, None,
        )  # fmt: skip
        return Dead(
            letter, None, State(row.state), row.reason, row.effect, row.epoch, "p", row.kind.name, "", row.frozen,  # type: ignore[arg-type]
            row.reference, row.code, None, None, forgotten, row.first_sent is not None,
        )  # fmt: skip
