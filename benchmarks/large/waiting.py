"""A worker beside a million operations that wait behind an open breaker, against beside a thousand."""

import time
from typing import Any

import psycopg

from benchmarks.contender import CONTENDERS
from benchmarks.large.parts import accept, one, until, worker
from benchmarks.measure import processor_seconds, proportional_memory, used
from benchmarks.place import Place
from embedded.process import free_port

_FEW = 1_000
_KNOWN = 5
_SUCCEEDED = "SELECT count(*) FROM lockgate.operations WHERE state = 'succeeded'"
_CALLS = "SELECT count(*) FROM lockgate.attempts WHERE started_at > statement_timestamp() - %s * interval '1 second'"


def waiting(place: Place, *, rows: int, watched: float) -> dict[str, Any]:
    """Memory of the worker and of Redis, time to start, CPU, and calls to the provider meanwhile; of both sizes.

    Args:
        place: servers.
        rows: operations that wait.
        watched: seconds with the breaker open.
    """
    return {str(size): _beside(place, number, size, watched) for number, size in enumerate((_FEW, rows), start=2)}


def _beside(place: Place, number: int, rows: int, watched: float) -> dict[str, float]:
    contender = next(each for each in CONTENDERS if each.name == "lockgate")
    where = place.fresh(number)
    place.broker.flushall()
    log = where.folder / "waiting.log"
    with worker(contender, where.environment(0), log):  # the account is known, as it is to anybody who waits
        accept(where.environment(0), "known", _KNOWN)
        until(lambda: one(where.database_url, _SUCCEEDED) == _KNOWN, log)
    environment = where.environment(0) | {"LOCKGATE_STRIPE_BASE_URL": f"http://127.0.0.1:{free_port()}"}  # nobody there
    accept(environment, "waiting", rows)
    with psycopg.connect(where.database_url, autocommit=True) as connection:
        connection.execute("VACUUM (ANALYZE)")
    with worker(contender, environment, log) as own:
        until(lambda: one(where.database_url, "SELECT count(*) FROM lockgate.breaker_moves"), log, every=0.5)
        began, used_before = time.monotonic(), processor_seconds([own.pid])
        servers_before = processor_seconds(where.server_pids)
        until(lambda: time.monotonic() - began > watched, log, every=1.0)
        found = {
            "ready after, s": own.ready_after,
            "worker PSS, MB": proportional_memory([own.pid]),
            "Redis, MB": where.broker.info("memory")["used_memory"] / 1e6,
            "calls": one(where.database_url, _CALLS, [watched]),
            "worker CPU, share of a core": used(used_before, processor_seconds([own.pid])) / watched,
            "servers' CPU, share of a core": used(servers_before, processor_seconds(where.server_pids)) / watched,
        }
        print(f"  beside {rows:,}: " + ", ".join(f"{name} {value:.2f}" for name, value in found.items()), flush=True)
    return found
