"""One request from its arrival to the last byte of its answer; what honest service and every lie are made of."""

import asyncio
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field, replace

from sandbox.journal import Journal, Json
from sandbox.provider import Call, Manner, Pause, Provider, Work, as_it_is
from sandbox.settings import Settings
from sandbox.tenants import Tenants
from sandbox.wire.answer import Answer, rendered
from sandbox.wire.line import Line

Command = Callable[[str, Json], None]


@dataclass(slots=True)
class House:
    """The parts that every exchange shares."""

    journal: Journal
    settings: Settings
    tenants: Tenants
    command: Command  # gives a control command in a fault's name
    _tasks: set[asyncio.Task[Answer]] = field(default_factory=set)

    def background(self, work: Coroutine[None, None, Answer]) -> None:
        """Carry work on after its exchange has ended."""
        task = asyncio.create_task(work)
        self._tasks.add(task)  # the loop alone would let it be collected half done
        task.add_done_callback(self._tasks.discard)


@dataclass(slots=True)
class Exchange:
    """A request, the line it came on, and the one note in the journal about how it was answered."""

    house: House
    provider: Provider
    call: Call
    line: Line
    seq: int
    noted: bool = False

    async def perform(
        self, *, pause: Pause | None = None, twist: Callable[[Work], Work] = as_it_is, blind: float = 0.0
    ) -> Answer:
        """Have the provider carry the request out, and return what it would say."""
        manner = Manner(pause or self.latency, twist)
        request = self.call.request
        complaint = self.house.tenants.complaint(self.provider.name, self.call.tenant, request.path)
        if complaint:
            await manner.pause()
            return self.provider.complain(complaint, self.call)
        return await self.provider.answer(replace(self.call, blind=blind), manner)

    async def latency(self) -> None:
        """Take as long as the provider is set to take."""
        if self.house.settings.latency > 0:
            await asyncio.sleep(self.house.settings.latency)

    async def send(self, answer: Answer) -> None:
        """Answer honestly."""
        data = rendered(answer, keep=self.call.request.reusable)
        self.note(answer, size=len(data))
        await self.line.send(data)

    def note(self, answer: Answer | None, *, size: int = 0, how: str = "sent") -> None:
        """Journal how this request is answered; before the first byte leaves, and once only."""
        if not self.noted:
            self.noted = True
            told: Json = {"status": None, "replayed": False, "limited": False}
            if answer is not None:
                told = {"status": answer.status, "replayed": answer.replayed, "limited": answer.limited}
            about = {"provider": self.provider.name, "request": self.seq, **told, "bytes": size, "how": how}
            self.house.journal.append({"event": "answer", **about})

    def silence(self, how: str) -> None:
        """Journal that nothing is said."""
        self.note(None, how=how)
