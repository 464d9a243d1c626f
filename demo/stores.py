"""PostgreSQL and Redis for the demo: those that the environment names, those that run already, or our own."""

import time
import uuid
from collections.abc import Callable, Mapping

import psycopg
import redis
from psycopg import sql

from demo.home import DemoError, Home, Known
from embedded import Servers
from embedded.postgres import PostgresFailedError
from embedded.servers import find

_TRIES = 10  # of a start, a second apart: the remains of a crashed server may hold its memory for a moment


class Stores:
    """Where the ledger and Redis are, and which of them are ours to stop, break and mend.

    Args:
        home: the demo's folder.
        environment: may name them: LOCKGATE_DATABASE_URL, LOCKGATE_REDIS_URL.
    """

    def __init__(self, home: Home, environment: Mapping[str, str]) -> None:
        self._home = home
        self.database_url = environment.get("LOCKGATE_DATABASE_URL", "")
        self.redis_url = environment.get("LOCKGATE_REDIS_URL", "")
        self._servers: Servers | None = None
        self.own_postgres = self.own_redis = False
        self.restarts = 0

    def up(self, say: Callable[[str], None]) -> None:
        """Start what is missing."""
        running = find(self._home.servers)
        if running is not None:
            say("PostgreSQL and Valkey … those of `lockgate dev up`")
            self.database_url = self.database_url or running.database_url
            self.redis_url = self.redis_url or running.redis_url
        if self.database_url and self.redis_url:
            _must_answer(self.database_url, self.redis_url)
            return
        self._servers = Servers(self._home.servers)
        if not self.database_url:
            self._start_postgres()
            self.own_postgres, self.database_url = True, self._servers.postgres.url
            say(f"PostgreSQL … up on port {self._servers.postgres.port}")
        if not self.redis_url:
            self._servers.valkey.start()
            self.own_redis, self.redis_url = True, self._servers.valkey.url
            say(f"Valkey … up on port {self._servers.valkey.port}")
        _must_answer(self.database_url, self.redis_url)

    def use_fresh_database(self) -> None:
        """Make an empty database for this run, and drop those of earlier ones; only in a server of ours."""
        if not self.own_postgres:
            return
        name = f"demo_{uuid.uuid4().hex[:8]}"
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            old = connection.execute(r"SELECT datname FROM pg_database WHERE datname LIKE 'demo\_%'").fetchall()
            for (database,) in old:
                connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(database)))
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        self.database_url = f"{self.database_url.rpartition('/')[0]}/{name}"

    def mend(self) -> str | None:
        """Start again what of ours has ended; what was mended."""
        if self._servers is None:
            return None
        if self.own_postgres and not self._servers.postgres.alive:
            self._servers.postgres.stop(immediate=True)
            self._start_postgres()
            self.restarts += 1
            return "PostgreSQL"
        if self.own_redis and not self._servers.valkey.alive:
            self._servers.valkey.stop(immediate=True)
            self._servers.valkey.start()
            return "Valkey"
        return None

    def down(self) -> None:
        """Stop what is ours."""
        if self._servers is not None:
            self._servers.down()

    def processes(self) -> list[Known]:
        """The servers that are ours."""
        found = []
        if self._servers is not None and self.own_postgres:
            found.append(Known.now("postgres", self._servers.postgres.pid))
        if self._servers is not None and self.own_redis:
            found.append(Known.now("valkey", self._servers.valkey.pid))
        return found

    def _start_postgres(self) -> None:
        assert self._servers is not None
        for left in reversed(range(_TRIES)):
            try:
                self._servers.postgres.start()
            except PostgresFailedError as error:
                if not left:
                    raise DemoError(str(error)) from None
                time.sleep(1.0)
            else:
                return


def _must_answer(database_url: str, redis_url: str) -> None:
    """Refuse servers that are not there, before anything is started on them."""
    try:
        psycopg.connect(database_url, connect_timeout=5).close()
    except psycopg.Error as error:
        said = " ".join(str(error).split())
        raise DemoError(f"PostgreSQL does not answer: correct LOCKGATE_DATABASE_URL, or unset it ({said})") from None
    try:
        with redis.Redis.from_url(redis_url, socket_connect_timeout=5) as client:
            client.ping()
    except (redis.RedisError, ValueError) as error:
        raise DemoError(f"Redis does not answer: correct LOCKGATE_REDIS_URL, or unset it ({error})") from None
