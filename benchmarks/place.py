"""Where it runs: an embedded PostgreSQL with its usual safety, Valkey, nginx, and the environment of each side."""

import os
import tomllib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

import psycopg
import redis
import tomli_w
from psycopg import sql

from benchmarks.provider import Nginx
from embedded import Servers
from embedded.servers import data_key, forget
from ledger.migrate import upgrade

SLOTS = 32  # operations that a worker carries out at once, unless its contender says otherwise
_ROOT = Path(__file__).parent.parent
_UNBOUND = 10_000  # calls a second: a limit that each call counts against, and that never holds one back


@dataclass(frozen=True)
class Place:
    """Servers that run, and where they are."""

    folder: Path
    nginx: Nginx
    database_url: str
    redis_url: str
    server_pids: tuple[int, int]
    broker: redis.Redis  # the baseline's, in a database of its own
    peers_url: str  # a database for a peer whose queue is PostgreSQL

    def environment(self, latency: int) -> dict[str, str]:
        """The environment of callers and workers of both sides."""
        return os.environ | {
            "PYTHONPATH": str(_ROOT),
            "LOCKGATE_DATABASE_URL": self.database_url,
            "LOCKGATE_REDIS_URL": self.redis_url,
            "LOCKGATE_DATA_KEY": data_key(self.folder),
            "LOCKGATE_PROVIDERS": str(self.folder / "providers"),
            "LOCKGATE_STRIPE_BASE_URL": self.nginx.url(latency),
            "LOCKGATE_STRIPE_API_KEY": "sk_test_bench",
            "BENCH_DATABASE_URL": self.peers_url,
            "BENCH_BROKER": _baseline_url(self.redis_url),
            "BENCH_URL": f"{self.nginx.url(latency)}/v1/payment_intents",
            "BENCH_SLOTS": str(SLOTS),
        }

    def fresh(self, number: int) -> "Place":
        """The same servers with another ledger, which is empty, and another of Redis's databases.

        Args:
            number: of that, from 2 on; each once.
        """
        with psycopg.connect(self.database_url, autocommit=True) as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(f"ledger_{number}")))
        url = f"{self.database_url.rpartition('/')[0]}/ledger_{number}"
        upgrade(url)
        return replace(self, database_url=url, redis_url=f"{self.redis_url.rpartition('/')[0]}/{number}")


@contextmanager
def prepared(folder: Path) -> Iterator[Place]:
    """Start everything, on an empty ledger; everything ends with the block."""
    if folder.exists():
        forget(folder)  # of a run that was killed
    servers, nginx = Servers(folder), Nginx(folder / "nginx")
    try:
        running = servers.up()
        upgrade(running.database_url)
        _write_provider(folder / "providers")
        nginx.start()
        broker = redis.Redis.from_url(_baseline_url(running.redis_url))
        pids = (running.postgres_pid, running.valkey_pid)
        with psycopg.connect(running.database_url, autocommit=True) as connection:
            connection.execute("CREATE DATABASE peers")
        peers = running.database_url.rpartition("/")[0] + "/peers"
        yield Place(folder, nginx, running.database_url, running.redis_url, pids, broker, peers)
    finally:
        nginx.stop()
        servers.down()
        forget(folder)


def _baseline_url(redis_url: str) -> str:
    return redis_url.rpartition("/")[0] + "/1"


def _write_provider(folder: Path) -> None:
    """Stripe's own file with limits that never bind."""
    folder.mkdir(exist_ok=True)
    content = tomllib.loads((_ROOT / "config/providers/stripe.toml").read_text())
    content["traffic"]["calls_per_minute"] = 60 * _UNBOUND
    for limit in content["limits"]:
        limit["calls"] = _UNBOUND
    (folder / "stripe.toml").write_text(tomli_w.dumps(content))
