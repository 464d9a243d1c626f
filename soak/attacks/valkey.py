"""Attacks on Valkey: N7 to N10."""

import psutil

from soak.attacks.field import Field, Steps


def kill_valkey(where: Field) -> Steps:
    """N7: SIGKILL to Valkey, which keeps nothing on disk."""
    where.say("SIGKILL to Valkey; it comes back empty")
    where.stage.servers.valkey.stop(immediate=True)
    yield where.rng.uniform(0.2, 3.0)
    where.stage.servers.valkey.start()


def flush(where: Field) -> Steps:
    """N8: FLUSHALL."""
    with where.stage.servers.redis() as client:
        client.flushall()
    where.say("FLUSHALL")
    yield 0.0


def fill_valkey(where: Field) -> Steps:
    """N9: Valkey is full, and says so to every write."""
    with where.stage.servers.redis() as client:
        client.config_set("maxmemory", "1")
    where.say("Valkey is out of memory for 3 s (noeviction)")
    yield 3.0
    with where.stage.servers.redis() as client:
        client.config_set("maxmemory", "0")


def slow_valkey(where: Field) -> Steps:
    """N10: 2 s of silence, as from a slow link."""
    with where.stage.servers.redis() as client:
        client.execute_command("CLIENT", "PAUSE", "2000", "ALL")
    where.say("Valkey answers nobody for 2 s")
    yield 2.0


def half_open_valkey(where: Field) -> Steps:
    """N10: connections that are open and dead."""
    where.say("Valkey is stopped (SIGSTOP) for 6 s: connections stay open, and nothing comes")
    process = psutil.Process(where.stage.servers.valkey.pid)
    process.suspend()
    try:
        yield 6.0
    finally:
        process.resume()


def cut_valkey(where: Field) -> Steps:
    """N10: every connection is cut."""
    with where.stage.servers.redis() as client:
        for kind in ("normal", "pubsub"):
            client.execute_command("CLIENT", "KILL", "TYPE", kind, "SKIPME", "yes")
    where.say("every connection to Valkey is cut")
    yield 0.0
