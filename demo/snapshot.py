"""What is going on: read from the ledger, from Redis and from the sandbox's journal, in a thread of its own."""

import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import redis

from demo.journal import Journal
from ledger.breakers import known
from ledger.session import LOST, Connection
from resilience.traffic import Lane
from tasks.platform import Platform

_EVERY = 1.0  # seconds
_STATES = """
SELECT state, CASE WHEN state = 'dead' THEN effect WHEN state IN ('waiting', 'unconfirmed') THEN coalesce(reason, '')
    ELSE '' END, count(*)
FROM lockgate.operations WHERE provider <> 'local' GROUP BY 1, 2 ORDER BY 1, 2
"""
_AGAIN = "SELECT count(*) - count(DISTINCT operation_id) FROM lockgate.attempts WHERE purpose = 'send'"
_ASKED = "SELECT count(*) FROM lockgate.attempts WHERE purpose = 'inquire'"
# What is held for a person, for days, does not come by itself.
_FOLLOWING = """
SELECT count(*) FROM lockgate.tickets WHERE finalised_at IS NULL AND follow_at < statement_timestamp() + interval '1 day'
"""
_DEAD = """
SELECT provider || ' ' || reason || ', effect ' || effect, count(*) FROM lockgate.dead_letters WHERE status = 'open'
GROUP BY 1 ORDER BY 2 DESC LIMIT 5
"""
_LANES = "SELECT provider, tenant, kind, coalesce(held_by, '') FROM lockgate.lanes WHERE provider <> 'local'"


@dataclass(frozen=True)
class Gate:
    """What a provider's admission says.

    Attributes:
        breaker: closed, open or half-open, with how often it opened.
        held: how many lanes wait, by why.
        room: calls that the tightest lane may make within a second; None where nothing limits it.
    """

    breaker: str = "?"
    held: dict[str, int] = field(default_factory=dict)
    room: int | None = None
    rate: float = 0.0


@dataclass(frozen=True)
class Snapshot:
    """One look. `away` names a store that could not be asked; the figures are then the last known."""

    states: dict[tuple[str, str], int] = field(default_factory=dict)
    resent: int = 0
    inquiries: int = 0
    following: int = 0
    dead: dict[str, int] = field(default_factory=dict)
    gates: dict[str, Gate] = field(default_factory=dict)
    effects: int = 0
    doubled: int = 0
    hit: int = 0
    away: str = ""

    @property
    def open(self) -> int:
        """Operations that have not ended, and ends of which the next step of a chain has not been told."""
        return self.following + sum(count for (state, _), count in self.states.items() if state in _OPEN)


_OPEN = frozenset({"waiting", "calling", "unconfirmed", "awaiting"})


class Watch(threading.Thread):
    """Looks every second.

    Args:
        platform: the ledger and admission.
        journal: the sandbox's; only this thread reads it while it runs.
    """

    def __init__(self, platform: Platform, journal: Journal) -> None:
        super().__init__(name="demo-watch", daemon=True)
        self._platform = platform
        self._journal = journal
        self._ended = threading.Event()
        self.latest = Snapshot()

    def end(self) -> None:
        """Look no more."""
        self._ended.set()
        self.join(timeout=10.0)

    def run(self) -> None:
        """Look until ended; a store that is away leaves the last figures standing, and is named."""
        while not self._ended.wait(_EVERY):
            self.look()

    def look(self) -> Snapshot:
        """One look now."""
        self._journal.read()
        effects = sum(1 for effect in self._journal.effects() if effect.standing)
        facts: dict[str, Any] = vars(self.latest) | {
            "effects": effects, "doubled": self._journal.doubled(), "hit": len(self._journal.hits), "away": "",
        }  # fmt: skip
        try:
            with self._platform.ledger.connection() as connection:
                facts |= _ledger(connection)
                facts["gates"] = _gates(self._platform, connection, self._journal.rates(time.time()))
        except LOST:
            facts["away"] = "PostgreSQL"
        except redis.RedisError:
            facts["away"] = "Valkey"
        self.latest = Snapshot(**facts)
        return self.latest


def _ledger(connection: Connection) -> dict[str, Any]:
    def one(query: str) -> int:
        row = connection.execute(query).fetchone()
        assert row is not None
        return int(row[0])

    return {
        "states": {(state, why): count for state, why, count in connection.execute(_STATES).fetchall()},
        "resent": one(_AGAIN),
        "inquiries": one(_ASKED),
        "following": one(_FOLLOWING),
        "dead": dict(connection.execute(_DEAD).fetchall()),
    }


def _gates(platform: Platform, connection: Connection, rates: dict[str, float]) -> dict[str, Gate]:
    rows = connection.execute(_LANES).fetchall()
    found: dict[str, Gate] = {}
    for provider in platform.registry.providers:
        lanes = [(Lane(provider, tenant, kind), held) for name, tenant, kind, held in rows if name == provider]
        breaker = known(connection, provider)
        found[provider] = Gate(
            breaker=breaker.held or f"{breaker.state} (opened {breaker.trip} times)",
            held=_counted(held.partition(":")[0] for _, held in lanes if held),
            room=_room(platform, [lane for lane, _ in lanes]),
            rate=rates.get(provider, 0.0),
        )
    return found


def _room(platform: Platform, lanes: list[Lane]) -> int | None:
    if not lanes:
        return None
    forecasts = platform.admission.forecasts([(lane, 1.0) for lane in lanes], horizon=1.0)
    return min((forecast.room for forecast in forecasts if forecast.room is not None), default=None)


def _counted(names: Iterable[str]) -> dict[str, int]:
    found: dict[str, int] = {}
    for name in names:
        found[name] = found.get(name, 0) + 1
    return found
