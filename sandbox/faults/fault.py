"""The words of misbehaviour: a fault is a row of the catalogue, a lie is one playing of it."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

from sandbox.exchange import Exchange
from sandbox.journal import Json

BEFORE, AFTER = "before", "after"


@dataclass(frozen=True, slots=True)
class Lie:
    """The fault that one request meets."""

    fault: str
    variant: str
    form: str | None = None
    params: Json = field(default_factory=dict)
    rule: str | None = None  # which rule or plan asked for it

    @property
    def after(self) -> bool:
        """Whether the effect happens."""
        return self.variant == AFTER

    def seconds(self, default: float, *, name: str = "seconds") -> float:
        """Return a duration from the parameters."""
        return float(self.params.get(name, default))

    def number(self, name: str, default: int) -> int:
        """Return a count from the parameters."""
        return int(self.params.get(name, default))


Play = Callable[[Exchange, Lie], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Fault:
    """One row of the catalogue; the first variant and the first form are what a rule gets that names none."""

    id: str
    play: Play
    sentence: str
    variants: tuple[str, ...] = (BEFORE,)
    forms: tuple[str, ...] = ()
    params: tuple[str, ...] = ()
    methods: tuple[str, ...] = ("GET", "POST")  # what it can be played on
