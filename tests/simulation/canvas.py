"""What follows a success, in simulated time: the next of a chain, and a chord's body once all its members are there.

Sent at least once, noted when it was, and dropped the second time because its name was frozen when it was asked for.
"""

from collections.abc import Iterator
from random import Random
from typing import TYPE_CHECKING
from zlib import crc32

from simulation.book import Row

from operations.means import Means

if TYPE_CHECKING:
    from simulation.world import World


class Canvas:
    """Sends what follows."""

    def __init__(self, world: "World") -> None:
        self._world = world
        self._sizes: dict[str, int] = {}
        for one in world.plan.intents:
            if one.chord:
                self._sizes[one.chord] = self._sizes.get(one.chord, 0) + 1

    def go_on(self, row: Row) -> Iterator[tuple[float, str]]:
        """Send it and note that; each yield is a place to stop at. A commit that is lost is the sweep's."""
        world = self._world
        yield row.rng.uniform(0.0, 0.01), "before what follows is sent"
        if row.chain:
            self.accept(row, row.chain)
        if row.chord and world.commit(row.rng, lambda: world.book.add_part(row, self._sizes[row.chord])):
            self.accept(row, f"{row.chord}>", body_of=row.chord)
        world.figures["what follows was sent"] += 1
        yield row.rng.uniform(0.0, 0.01), "before that is noted"
        world.commit(row.rng, lambda: world.book.finalise(row))

    def accept(self, row: Row, name: str, body_of: str = "") -> None:
        """One more operation; of a chord's body its release is noted in the same transaction."""
        world = self._world
        kind, rng = world.kinds[list(Means)[crc32(name.encode()) % len(Means)]], Random(f"{world.plan.seed}/{name}")

        def both() -> bool:
            if body_of:
                world.book.released.add(body_of)
            return world.book.accept(name, kind, world.now, rng, tenant=row.tenant)

        if world.commit(row.rng, both):
            new = world.book.current[name]
            new.hinted, new.hint_epoch = world.now, world.gate.epoch
            world.hint(new)
