"""Puts the parts together, listens, and ends on a signal."""

import asyncio
import contextlib
import json
import os
import signal
from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from pathlib import Path

from sandbox import pulse
from sandbox.calls import Flights
from sandbox.clock import Clock
from sandbox.control.front import Control
from sandbox.desk import Desk
from sandbox.doors import Doors
from sandbox.exchange import House
from sandbox.folds import folds_of
from sandbox.journal import Journal
from sandbox.names import Names
from sandbox.plain.front import Plain
from sandbox.postmark.front import Postmark
from sandbox.provider import Provider
from sandbox.settings import Settings
from sandbox.standin.description import TAKEN, DescriptionError, read
from sandbox.standin.front import StandIn
from sandbox.stripe.front import Stripe
from sandbox.wire.listener import Listener, Serve

CONTROL = "control"


@dataclass(frozen=True, slots=True)
class Options:
    """What the command line says.

    Attributes:
        standins: further providers: files with a description, or `module:Class` of a front of one's own.
    """

    journal: Path
    host: str
    ports: Mapping[str, int]
    seed: int
    standins: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The whole, ready to listen."""

    journal: Journal
    listeners: Mapping[str, Listener]
    doors: Doors

    def urls(self) -> dict[str, str]:
        """Return where everything is."""
        return {name: listener.url for name, listener in self.listeners.items()}

    async def listen(self) -> None:
        """Open the ports, as far as the journal's outages allow."""
        await self.doors.obey()
        await self.listeners[CONTROL].listen()

    async def end(self) -> None:
        """Drop everything under way."""
        for listener in self.listeners.values():
            await listener.end()


def serve(options: Options) -> None:
    """Serve until SIGTERM or SIGINT; says on stdout where, once it can be reached."""
    # Closed after the loop: what is due in its last turn still finds the journal open.
    with contextlib.closing(Journal(options.journal, clock=Clock())) as journal:
        asyncio.run(_run(options, journal))


async def _run(options: Options, journal: Journal) -> None:
    sandbox, stop = assembled(options, journal), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        asyncio.get_running_loop().add_signal_handler(number, stop.set)
    started = {"event": "started", "pid": os.getpid(), "seed": options.seed, "urls": sandbox.urls()}
    sandbox.journal.append(started)
    born = journal.clock.mono()
    await sandbox.listen()
    print(json.dumps(sandbox.urls()), flush=True)
    keeping = [asyncio.create_task(work) for work in (sandbox.doors.keep(), pulse.keep(journal, born=born))]
    await asyncio.wait([*keeping, asyncio.create_task(stop.wait())], return_when=asyncio.FIRST_COMPLETED)
    await sandbox.end()
    for task in keeping:
        if task.done():
            task.result()  # it never ends by itself but with an error, which must be seen


def assembled(options: Options, journal: Journal) -> Sandbox:
    """Return the sandbox, knowing all that its journal knows."""
    names, flights, folds = Names(journal, seed=options.seed), Flights(), folds_of(journal, seed=options.seed)
    providers: dict[str, Listener] = {}
    settings = folds.settings
    known: tuple[Provider, ...] = (
        Stripe(journal, names, settings),
        Postmark(journal, names, settings),
        Plain(journal, names),
        *(_standin(said, journal, names, settings) for said in options.standins),
    )
    doors = Doors(providers, folds.outages)
    control = Control(journal, folds, doors, tuple(provider.name for provider in known))
    house = House(journal, folds.settings, folds.tenants, control.command)
    for provider in known:
        desk = Desk(provider, house, folds, names=names, flights=flights)
        providers[provider.name] = _listener(options, provider.name, desk.serve)
    journal.load()
    return Sandbox(journal, providers | {CONTROL: _listener(options, CONTROL, control.serve)}, doors)


def _listener(options: Options, name: str, serve: Serve) -> Listener:
    return Listener(host=options.host, port=options.ports.get(name, 0), serve=serve)


def _standin(said: str, journal: Journal, names: Names, settings: Settings) -> Provider:
    """A provider of somebody's own.

    Raises:
        DescriptionError: there is none, or it cannot be played.
    """
    if said.endswith(".toml"):
        return StandIn(read(Path(said)), journal, names, settings)
    module, _, name = said.partition(":")
    try:
        made: Provider = getattr(import_module(module), name)(journal, names, settings)
    except (ImportError, AttributeError, ValueError) as error:
        raise DescriptionError(
            f"{said} is no stand-in ({error}): name a .toml file, or a class as package.module:Class"
        ) from None
    if made.name in TAKEN:
        raise DescriptionError(f"{said} is called {made.name}, which is taken: give it another name")
    return made
