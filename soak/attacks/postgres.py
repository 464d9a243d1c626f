"""Attacks on PostgreSQL: N11 to N14."""

from collections.abc import Callable

import psutil
import psycopg

from soak.attacks.field import Field, Steps


def crash_postgres(where: Field) -> Steps:
    """N11: PostgreSQL stops at once."""
    where.say("PostgreSQL stops at once (SIGQUIT) and recovers")
    where.stage.servers.postgres.stop(immediate=True)
    yield where.rng.uniform(0.2, 3.0)
    where.stage.servers.start_postgres()


def terminate(where: Field) -> Steps:
    """N12: sessions end in the middle of what they do, commits included."""
    where.say("pg_terminate_backend for whoever is at work, 40 times in 4 s")
    for _ in range(40):
        with where.stage.servers.admin() as connection:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE backend_type = 'client backend' "
                "AND state <> 'idle' AND pid <> pg_backend_pid()"
            )
        yield 0.1


def read_only(where: Field) -> Steps:
    """N13: PostgreSQL takes no writes."""
    _set(where, "default_transaction_read_only", "on")
    where.say("PostgreSQL is read-only for 3 s")
    yield 3.0
    _set(where, "default_transaction_read_only", "off")


def no_connections(where: Field) -> Steps:
    """N13: all connections are taken."""
    taken: list[psycopg.Connection] = []
    try:
        while True:
            taken.append(where.stage.servers.admin())
    except psycopg.OperationalError:
        where.say(f"PostgreSQL has no connection left for 4 s ({len(taken)} taken)")
    try:
        yield 4.0
    finally:
        for connection in taken:
            connection.close()


def hold_lock(where: Field) -> Steps:
    """N13: somebody holds the operations."""
    with psycopg.connect(where.stage.servers.postgres.url, connect_timeout=3) as connection:
        connection.execute("SET lock_timeout = '2s'")
        table = where.rng.choice(["operations", "tickets", "attempts"])
        try:
            connection.execute(f"LOCK TABLE lockgate.{table} IN ACCESS EXCLUSIVE MODE")
        except psycopg.errors.LockNotAvailable:
            return
        where.say(f"the table {table} is locked for 5 s")
        yield 5.0


def slow_postgres(where: Field) -> Steps:
    """N14: every session stands still for 2 s, as behind a slow link."""
    backends = psutil.Process(where.stage.servers.postgres.pid).children()
    where.say("every session of PostgreSQL stands still for 2 s")
    try:
        for backend in backends:
            _quietly(backend.suspend)
        yield 2.0
    finally:
        for backend in backends:
            _quietly(backend.resume)


def _set(where: Field, name: str, value: str) -> None:
    with where.stage.servers.admin() as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(f"ALTER SYSTEM SET {name} = {value}")
        connection.execute("SELECT pg_reload_conf()")


def _quietly(act: Callable[[], None]) -> None:
    try:
        act()
    except psutil.NoSuchProcess:
        return
