"""PostgreSQL and Valkey of the run: real ones, started for it, crashed by it, gone with it."""

import os
import shutil
import tempfile
import time
from pathlib import Path

import psycopg
import redis

from embedded import Postgres, Valkey
from embedded.postgres import PostgresFailedError

#: Servers are crashed, the machine is not: the operating system keeps what was written.
_SETTINGS = {"fsync": "off", "synchronous_commit": "on", "full_page_writes": "off", "max_connections": "160"}
_TRIES = 20  # of a start, half a second apart: the remains of a crashed server may hold its memory for a moment


class Servers:
    """Both, in a folder that their own account can reach."""

    def __init__(self) -> None:
        base = "/var/tmp" if Path("/var/tmp").is_dir() else None  # noqa: S108  made by mkdtemp
        self._folder = Path(tempfile.mkdtemp(prefix=f"lockgate-soak-{os.getuid()}-", dir=base))
        self._folder.chmod(0o755)
        self.postgres = Postgres(self._folder / "postgres", settings=_SETTINGS)
        self.valkey = Valkey(self._folder / "valkey")

    def up(self) -> None:
        """Start both."""
        self.postgres.start()
        self.valkey.start()

    def start_postgres(self) -> None:
        """Start it again after a crash; its remains may be in the way for a moment."""
        for left in reversed(range(_TRIES)):
            try:
                self.postgres.start()
            except PostgresFailedError:
                if not left:
                    raise
                time.sleep(0.5)
            else:
                return

    def down(self) -> None:
        """Stop both, and delete what they wrote."""
        self.valkey.stop(immediate=True)
        self.postgres.stop(immediate=True)
        shutil.rmtree(self._folder, ignore_errors=True)

    def admin(self) -> psycopg.Connection:
        """A connection for attacks."""
        return psycopg.connect(self.postgres.url, autocommit=True, connect_timeout=3)

    def redis(self) -> redis.Redis:
        """A client for attacks."""
        return redis.Redis.from_url(self.valkey.url, socket_timeout=3.0)
