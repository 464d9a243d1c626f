"""What every provider here offers, and how it is asked."""

import math
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from sandbox.journal import Journal, Json
from sandbox.wire.answer import Answer
from sandbox.wire.request import Request

FOR_EVER = math.inf


@dataclass(frozen=True, slots=True)
class Call:
    """A request with what the provider knows of its sender."""

    request: Request
    tenant: str
    account: str
    request_id: str
    names: Mapping[str, str] = field(default_factory=dict)  # what the path holds
    blind: float = 0.0  # look-ups do not see what is younger than this many seconds

    def named(self, names: Mapping[str, str]) -> "Call":
        """Return the call with the names from its path."""
        return replace(self, names=names)


@dataclass(frozen=True, slots=True)
class Done:
    """What came of a request: the answer, and the events that make it true once they are in the journal."""

    answer: Answer
    events: tuple[Json, ...] = ()


Work = Callable[[], Done]
Pause = Callable[[], Awaitable[None]]


class RefusedError(Exception):
    """The request is refused before anything is executed."""

    def __init__(self, answer: Answer) -> None:
        super().__init__(f"refused with {answer.status}")
        self.answer = answer


def as_it_is(work: Work) -> Work:
    """Return the work untouched."""
    return work


@dataclass(frozen=True, slots=True)
class Manner:
    """How a call is carried out: when the work is done, and what becomes of it."""

    pause: Pause
    twist: Callable[[Work], Work] = as_it_is


class Provider(Protocol):
    """One provider: answers calls, and knows how it says no."""

    name: str

    def token(self, request: Request) -> str:
        """Return the credential that came with the request, or nothing."""

    def business(self, request: Request) -> str | None:
        """Return our own key, if the request or the object it names carries it."""

    async def answer(self, call: Call, manner: Manner) -> Answer:
        """Carry the call out, and return the answer once all of it is in the journal."""

    def complain(self, kind: str, call: Call, **facts: object) -> Answer:
        """Return this provider's own words for a trouble of that kind."""


async def carried_out(work: Work, manner: Manner, journal: Journal) -> Answer:
    """Do the work in the given manner, and journal what came of it before anyone hears."""
    await manner.pause()
    done = manner.twist(work)()
    if done.events:
        journal.append(*done.events)
    return done.answer
