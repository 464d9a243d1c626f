"""The parts that Stripe's endpoints share."""

from dataclasses import dataclass

from sandbox.clock import Clock
from sandbox.names import Names
from sandbox.settings import Settings
from sandbox.stripe.shelf import Shelf


@dataclass(frozen=True, slots=True)
class Context:
    """The shelf, and what it takes to put something on it."""

    shelf: Shelf
    names: Names
    settings: Settings
    clock: Clock
