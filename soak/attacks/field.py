"""Where attacks are made, and what each of them is."""

import random
from collections.abc import Callable, Generator
from dataclasses import dataclass, field

from soak.child import Child
from soak.stage import Stage

Steps = Generator[float, None, None]
Say = Callable[[str], None]
FREEZE = 6.0  # seconds; half as long again as the soak's lease
OUTAGE = 5.0


@dataclass
class Field:
    """Where attacks are made.

    Attributes:
        rng: of this one attack.
        say: writes a sentence into the log of attacks.
        pids: whose work was cut off, for the figures.
    """

    stage: Stage
    rng: random.Random
    say: Say
    pids: list[int] = field(default_factory=list)

    def victim(self) -> Child | None:
        """A worker that runs."""
        alive = self.stage.alive()
        return self.rng.choice(alive) if alive else None
