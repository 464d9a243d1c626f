"""All attacks."""

from collections.abc import Callable
from dataclasses import dataclass

from soak.attacks import postgres, providers, valkey, workers
from soak.attacks.field import Field, Steps


@dataclass(frozen=True)
class Attack:
    """One way of attack.

    Attributes:
        what: it strikes; two attacks on the same thing are not made at once.
    """

    id: str
    name: str
    make: Callable[[Field], Steps]
    what: str


ATTACKS = (
    Attack("N1", "kill child", workers.kill_child, "workers"),
    Attack("N2", "kill worker", workers.kill_worker, "workers"),
    Attack("N2", "kill two workers", workers.kill_two, "workers"),
    Attack("N5", "freeze", workers.freeze, "workers"),
    Attack("N7", "kill Valkey", valkey.kill_valkey, "valkey"),
    Attack("N8", "flush", valkey.flush, "valkey"),
    Attack("N9", "fill Valkey", valkey.fill_valkey, "valkey"),
    Attack("N10", "slow Valkey", valkey.slow_valkey, "valkey"),
    Attack("N10", "half-open Valkey", valkey.half_open_valkey, "valkey"),
    Attack("N10", "cut Valkey", valkey.cut_valkey, "valkey"),
    Attack("N11", "crash PostgreSQL", postgres.crash_postgres, "postgres"),
    Attack("N12", "terminate sessions", postgres.terminate, "postgres"),
    Attack("N13", "read-only", postgres.read_only, "postgres"),
    Attack("N13", "no connections", postgres.no_connections, "postgres"),
    Attack("N13", "lock held", postgres.hold_lock, "postgres"),
    Attack("N14", "slow PostgreSQL", postgres.slow_postgres, "postgres"),
    Attack("N16", "starve", workers.starve, "workers"),
    Attack("N17", "rolling restart", workers.roll, "workers"),
    Attack("F26", "outage", providers.outage, "providers"),
    Attack("F24", "blind look-ups", providers.blind, "providers"),
    Attack("F12", "429 storm", providers.storm, "providers"),
)
