"""What must hold before a worker begins: it refuses with one sentence what would break the promise without a word."""

import logging
from typing import Any

import psycopg
import redis
from celery import bootsteps

from config.errors import ConfigError
from ledger.seal import SealError
from ledger.session import Connection, persist, unavailable
from ledger.version import pending
from tasks.platform import Platform, platform

_PATIENCE = 30.0  # seconds for a PostgreSQL that is only just starting, or starting again
_GREEN = ("gevent", "eventlet")
_EVICTING = ("allkeys", "volatile")

_log = logging.getLogger(__name__)


class PreflightStep(bootsteps.Step):
    """Checks while the worker is put together, before any of its parts starts."""

    def __init__(self, worker: Any, **kwargs: Any) -> None:
        super().__init__(worker, **kwargs)
        check_pool(worker.pool_cls)
        here = platform()
        check_ledger(here)
        check_redis(here)


def check_pool(pool: Any) -> None:
    """Refuse pools in which the limits of a call do not hold.

    Raises:
        ConfigError: it is one of them.
    """
    module = str(getattr(pool, "__module__", pool))
    if any(name in module for name in _GREEN):
        raise ConfigError(
            "this pool swaps the sockets under a call, whose deadline and last check then do not hold: "
            "start the worker with -P threads or -P prefork"
        )


def check_ledger(here: Platform, *, patience: float = _PATIENCE) -> None:
    """Refuse a database that is not ours yet, or that says *committed* before it is.

    Raises:
        ConfigError: it cannot be reached, lacks a migration, may forget what it committed, or is of another key.
    """
    try:
        behind = persist(lambda: _look(here), within=patience)
    except psycopg.OperationalError as error:
        raise ConfigError(str(unavailable(error))) from None
    if behind:
        raise ConfigError("the database lacks the ledger's tables, or has older ones: run `lockgate migrate` first")


def check_redis(here: Platform) -> None:
    """Refuse a Redis that may throw away hints and limits; one that is away is waited for, as always.

    Raises:
        ConfigError: it evicts.
    """
    try:
        policy = str(here.redis.info("memory").get("maxmemory_policy", ""))
    except redis.RedisError as error:
        _log.warning("Redis is away, and nothing is admitted until it is back: check LOCKGATE_REDIS_URL (%s)", error)
        return
    if policy.startswith(_EVICTING):
        raise ConfigError(
            f"this Redis may throw away limits and messages when it is full (maxmemory-policy {policy}): "
            "set maxmemory-policy to noeviction"
        )


def _look(here: Platform) -> bool:
    """Look at all of it, as often as PostgreSQL goes away in the middle; whether the tables are older than the code."""
    with here.ledger.connection() as connection:
        (commit,) = _one(connection, "SHOW synchronous_commit")
        if commit == "off":
            raise ConfigError(
                "this PostgreSQL says *committed* before it is (synchronous_commit off), and would forget operations: "
                "set synchronous_commit to on for LOCKGATE_DATABASE_URL"
            )
        (late,) = _one(connection, "SELECT count(*) FROM pg_stat_replication WHERE sync_state = 'async'")
        behind = pending(connection)
    if late:
        _log.warning("%s standby servers are asynchronous: a failover to one of them may forget operations", late)
    if behind:
        return True
    try:
        here.ledger.secret  # noqa: B018  opens what the database holds
    except SealError as error:
        raise ConfigError(str(error)) from None
    return False


def _one(connection: Connection, statement: Any) -> tuple[Any, ...]:
    row = connection.execute(statement).fetchone()
    assert row is not None
    return row
