"""`make simulate`: many seeds, one after another, until one does not keep the promise; that one is cut down and shown."""

import argparse
import sys
import time
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path

from simulation.plan import Plan, drawn, shrunk
from simulation.verdict import fingerprint, sort_of, violations
from simulation.world import World

KEPT = Path(__file__).with_name("kept.txt")
REPLAY_EVERY = 100  # seeds, of which one is run again to see that it replays identically
_SHOWN = ("attempts", "taken back", "messages lost", "commits' answers lost", "requeue", "next generations", "discard")


@dataclass
class Tally:
    """What was seen so far."""

    started: float = field(default_factory=time.monotonic)
    seeds: int = 0
    operations: int = 0
    replayed: int = 0
    figures: Counter[str] = field(default_factory=Counter)
    ends: Counter[str] = field(default_factory=Counter)

    def add(self, world: World) -> None:
        self.seeds += 1
        self.operations += len(world.book.rows)
        self.figures += world.figures
        self.ends.update(f"{row.state}/{row.effect}" for row in world.book.rows)

    def __str__(self) -> str:
        return f"{self.seeds:,} seeds, {self.operations:,} operations, {time.monotonic() - self.started:.0f} s"

    def account(self) -> str:
        """Everything, for the end."""
        several = {
            "ends": self.ends,
            "attempts that left a doubt": self._named("ambiguous "),
            "workers that died": self._named("died "),
            "attacks": self._named("attack "),
            "other": Counter({name: self.figures[name] for name in _SHOWN}),
        }
        lines = [
            f"  {name}: " + ", ".join(f"{what} {n:,}" for what, n in c.most_common()) for name, c in several.items()
        ]
        bound = f"  0 violations in {self.operations:,}: with 95 % confidence at most one in {self.operations / 3:,.0f}"
        return "\n".join([str(self), *lines, bound, f"  replayed identically: {self.replayed} of {self.replayed}"])

    def _named(self, start: str) -> Counter[str]:
        return Counter({name.removeprefix(start): n for name, n in self.figures.items() if name.startswith(start)})


def main() -> int:
    """Run; 1 when a seed did not keep the promise."""
    orders = _orders()
    if orders.seed is not None:
        plan = drawn(orders.seed, orders.operations)
        return _one(plan if orders.only is None else plan.only(orders.only.split(",")))
    tally = Tally()
    for seed in range(orders.first, orders.first + orders.seeds):
        world = World(drawn(seed, orders.operations)).run()
        if found := violations(world):
            print()
            return _failed(world.plan, found, orders.operations)
        tally.add(world)
        if seed % REPLAY_EVERY == 0:
            if fingerprint(World(drawn(seed, orders.operations)).run()) != fingerprint(world):
                print(f"\nseed {seed} does not replay: two runs of it differ")
                return 1
            tally.replayed += 1
        _show(tally, orders.seeds)
    print(f"\n{tally.account()}")
    return 0


def _orders() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="make simulate", description=__doc__)
    parser.add_argument("--seeds", type=int, default=300, help="how many (nightly: 10000, a million operations)")
    parser.add_argument("--first", type=int, default=0, help="the first of them")
    parser.add_argument("--operations", type=int, default=100, help="operations of each")
    parser.add_argument("--seed", type=int, help="one alone, and tell its story")
    parser.add_argument("--only", help="of that one, only these parts: o17,a2,lossy")
    return parser.parse_args()


def _show(tally: Tally, seeds: int) -> None:
    if sys.stdout.isatty():
        print(f"\r{tally} of {seeds:,}", end="", flush=True)
    elif tally.seeds % max(1, seeds // 20) == 0:
        print(f"{tally} of {seeds:,}", flush=True)


def _one(plan: Plan) -> int:
    world = World(plan).run()
    found = violations(world)
    for part in (*plan.attacks, *plan.orders):
        print(f"{part.at:7.2f}  {part.what} ({part.name})")
    print(plan.weather)
    print("\n".join(found) or "nothing is wrong")
    print(f"fingerprint {fingerprint(world)}")
    return 1 if found else 0


def _failed(plan: Plan, found: list[str], operations: int) -> int:
    print(f"seed {plan.seed} does not keep the promise:\n  " + "\n  ".join(found[:10]))
    print(f"cutting it down from {len(plan.names)} parts …", flush=True)
    sort = sort_of(found[0])
    small = shrunk(plan, lambda fewer: any(sort_of(one) == sort for one in violations(World(fewer).run())))
    print(f"{len(small.names)} parts are enough:")
    _one(small)
    names = ",".join(small.names)
    print(f'\nagain: make simulate ARGS="--seed {plan.seed} --operations {operations} --only {names}"')
    print(f"once it is mended, keep it: add the line `{plan.seed} {operations} {names}` to {KEPT.name}, and why")
    return 1


if __name__ == "__main__":
    sys.exit(main())
