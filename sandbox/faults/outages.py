"""Outages: from one moment to another, a provider (or one tenant of it) is down in one manner (F26)."""

import asyncio
import math
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

from sandbox.exchange import Exchange
from sandbox.faults import silence, statuses
from sandbox.faults.fault import BEFORE, Lie
from sandbox.journal import Journal, Json

SLOW = 5.0


@dataclass(frozen=True, slots=True)
class Outage:
    """One outage, by wall time, so that it goes on where it was after a restart."""

    id: str
    began: float
    provider: str
    mode: str
    seconds: float | None = None  # none: until it is lifted
    tenant: str | None = None
    latency: float = SLOW
    flap: float | None = None  # down and up in turns of so many seconds

    def on(self, now: float) -> bool:
        """Whether the provider is down at this moment."""
        if now >= self._end:
            return False
        return self.flap is None or int((now - self.began) / self.flap) % 2 == 0

    def next_change(self, now: float) -> float:
        """Return when this may next be otherwise."""
        turn = math.inf if self.flap is None else self.began + (int((now - self.began) / self.flap) + 1) * self.flap
        return min(self._end, turn) if now < self._end else math.inf

    async def play(self, exchange: Exchange) -> None:
        """Serve a request during the outage."""
        await MODES[self.mode](exchange, self.latency)

    @property
    def _end(self) -> float:
        return math.inf if self.seconds is None else self.began + self.seconds


class Outages:
    """The outages that have been ordered."""

    def __init__(self, journal: Journal) -> None:
        self._rows: dict[str, Outage] = {}
        self._clock = journal.clock
        journal.follow("control", self._take)

    def present(self, event: Json) -> Outage | None:
        """Return the outage that this request meets, if there is one."""
        now = self._clock.wall()
        for outage in self._rows.values():
            ours = outage.tenant is None or outage.tenant == event["tenant"]
            if ours and outage.provider == event["provider"] and outage.on(now):
                return outage
        return None

    def shut(self, provider: str) -> bool:
        """Whether the provider's port must refuse connections at this moment."""
        now = self._clock.wall()
        rows = (row for row in self._rows.values() if row.provider == provider and row.tenant is None)
        return any(row.mode == "refuse" and row.on(now) for row in rows)

    def seconds_to_change(self) -> float:
        """Return how long all of this stays as it is."""
        now = self._clock.wall()
        return min((row.next_change(now) for row in self._rows.values()), default=math.inf) - now

    def rows(self) -> list[Outage]:
        """Return the outages that are neither lifted nor over."""
        now = self._clock.wall()
        return [row for row in self._rows.values() if math.isfinite(row.next_change(now)) or row.seconds is None]

    def _take(self, event: Json) -> None:
        match event["method"], event["path"].split("/")[1:]:
            case "POST", ["outage"]:
                outage = Outage(id=f"outage-{event['seq']}", began=event["at"], **event["body"])
                self._rows[outage.id] = outage
            case ("DELETE", ["outage"]) | ("POST", ["reset"]):
                self._rows.clear()
            case "DELETE", ["outage", name]:
                self._rows.pop(name, None)


async def begin(exchange: Exchange, lie: Lie) -> None:
    """F26: begin an outage, this request being the first to meet it."""
    mode = lie.form or "503"
    exchange.house.command("/outage", {"provider": exchange.provider.name, "mode": mode, "seconds": 10.0} | lie.params)
    await MODES[mode](exchange, lie.seconds(SLOW, name="latency"))


async def _reset(exchange: Exchange, _: float) -> None:
    await silence.reset(exchange, Lie("F26", BEFORE))


async def _hang(exchange: Exchange, _: float) -> None:
    await silence.hang(exchange, Lie("F26", BEFORE))


async def _unavailable(exchange: Exchange, _: float) -> None:
    await exchange.send(exchange.provider.complain("maintenance", exchange.call))


async def _limited(exchange: Exchange, _: float) -> None:
    await statuses.limit(exchange, Lie("F26", BEFORE, "absent"))


async def _slow(exchange: Exchange, latency: float) -> None:
    await asyncio.sleep(latency)
    await exchange.send(await exchange.perform())


MODES: dict[str, Callable[[Exchange, float], Awaitable[None]]] = {
    "503": _unavailable,
    "refuse": _reset,  # of the whole provider: its port is shut; of one tenant: only a reset can tell tenants apart
    "hang": _hang,
    "reset": _reset,
    "slow": _slow,
    "429": _limited,
}
