"""Breaks the running demo: a worker killed, Redis emptied, a provider down, PostgreSQL crashed."""

import random
import signal
import time
from collections.abc import Callable

import redis
import requests

from demo.home import DemoError, Home, Known, Running

OUTAGES = ("503", "refuse", "hang", "reset", "429")
_OUTAGE_SECONDS = 5.0
_PROVIDERS = ("stripe", "postmark")


def target(home: Home) -> Running:
    """The demo that runs in a folder.

    Raises:
        DemoError: none does.
    """
    running = home.running()
    if running is None or not any(process.alive for process in running.processes):
        raise DemoError(f"no demo is running in {home.folder}: start one with `make run` in another terminal")
    return running


def kill(running: Running, rng: random.Random) -> str:
    """SIGKILL a worker; the demo replaces it."""
    worker = _one_worker(running, rng)
    if worker is None:
        return "no worker is alive to be killed: the demo is replacing them"
    worker.signal(signal.SIGKILL)
    return f"killed {worker.name} (pid {worker.pid}) with SIGKILL; it is replaced"


def flush(running: Running, rng: random.Random) -> str:
    """Empty Redis: queues, limits, breakers. Of a Redis that is not ours, only the database that we were given."""
    del rng
    with redis.Redis.from_url(running.redis_url) as client:
        if running.flush_everything:
            client.flushall()
        else:
            client.flushdb()
    return "emptied Valkey (FLUSHALL)" if running.flush_everything else "emptied Redis (FLUSHDB)"


def break_provider(running: Running, rng: random.Random) -> str:
    """Let a provider be down for a while, in one of the ways in which providers are down."""
    order = {"provider": rng.choice(_PROVIDERS), "mode": rng.choice(OUTAGES), "seconds": _OUTAGE_SECONDS}
    requests.post(f"{running.control}/outage", json=order, timeout=10).raise_for_status()
    return f"broke {order['provider']} for {_OUTAGE_SECONDS:g} s (mode {order['mode']})"


def freeze(running: Running, rng: random.Random) -> str:
    """Stop a worker in the middle of whatever it does: it loses its leases and does not know it."""
    worker = _one_worker(running, rng)
    if worker is None:
        return "no worker is alive to be frozen: the demo is replacing them"
    worker.signal(signal.SIGSTOP)
    return f"froze {worker.name} (pid {worker.pid}, SIGSTOP)"


def thaw(running: Running, rng: random.Random) -> str:
    """Let frozen workers go on where they were."""
    del rng
    for process in running.processes:
        if process.name.startswith("worker-"):
            process.signal(signal.SIGCONT)
    return "thawed what was frozen (SIGCONT): its work was taken back meanwhile"


def crash_postgres(running: Running, rng: random.Random) -> str:
    """Stop PostgreSQL at once, as a crash would; the demo starts it again."""
    del rng
    for process in running.processes:
        if process.name == "postgres" and process.signal(signal.SIGQUIT):
            return f"crashed PostgreSQL (pid {process.pid}, SIGQUIT); it is started again"
    return "PostgreSQL is not the demo's own: left alone"


ACTIONS: dict[str, Callable[[Running, random.Random], str]] = {
    "kill": kill,
    "flush": flush,
    "break": break_provider,
    "postgres": crash_postgres,
    "freeze": freeze,
    "thaw": thaw,
}
FROZEN = 9.0  # seconds; half as long again as the demo's lease
ROUND = ("break", "kill", "flush")


def wreak(home: Home, what: str | None) -> list[str]:
    """One round of everything, or one thing; what was done, a sentence each.

    Raises:
        DemoError: no demo is running.
    """
    done = [_do(home, name) for name in ([what] if what else ROUND)]
    if what == "freeze":
        time.sleep(FROZEN)
        done.append(_do(home, "thaw"))
    return done


def _do(home: Home, name: str) -> str:
    sentence = ACTIONS[name](target(home), random.SystemRandom())
    home.note(name, sentence)
    return sentence


def _one_worker(running: Running, rng: random.Random) -> Known | None:
    workers = [process for process in running.processes if process.name.startswith("worker-") and process.alive]
    return rng.choice(workers) if workers else None
