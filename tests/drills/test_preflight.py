"""A worker that must not begin says why, in one sentence, and ends."""

import subprocess
import sys

import psycopg
import pytest
import redis
from given.deployment import Deployment
from given.nowhere import NOWHERE

from config.errors import ConfigError
from embedded import Valkey
from ledger.session import Connection
from ledger.version import known, pending
from tasks.preflight import check_ledger, check_pool


def refused(deployment: Deployment, **environment: str) -> str:
    """What a worker says that ends by itself."""
    ended = subprocess.run(
        [sys.executable, "-m", "celery", "-A", "tasks", "worker", "-P", "threads"],
        env=deployment.environment | environment, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip
    assert ended.returncode == 1, ended.stderr
    assert "Traceback" not in ended.stderr
    return ended.stderr.strip().splitlines()[-1]


def test_a_database_that_may_forget_commits_is_refused(deployment: Deployment) -> None:
    name = deployment.environment["LOCKGATE_DATABASE_URL"].rpartition("/")[2]
    with psycopg.connect(deployment.environment["LOCKGATE_DATABASE_URL"], autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE {name} SET synchronous_commit = off")
    assert "set synchronous_commit to on" in refused(deployment)


def test_a_database_without_the_ledger_is_refused(deployment: Deployment) -> None:
    with psycopg.connect(deployment.environment["LOCKGATE_DATABASE_URL"], autocommit=True) as connection:
        connection.execute("DROP SCHEMA lockgate CASCADE")
    assert "run `lockgate migrate` first" in refused(deployment)


def test_a_database_with_a_newer_ledger_is_taken_and_one_with_an_older_is_not(database_url: str) -> None:
    with psycopg.connect(database_url, autocommit=True) as connection:
        assert not pending(connection)
        for version, behind in (("9999", False), (known()[-2], True)):
            connection.execute("UPDATE lockgate.alembic_version SET version_num = %s", [version])
            assert pending(connection) is behind


def test_a_redis_that_evicts_is_refused(deployment: Deployment, own_valkey: Valkey) -> None:
    with redis.Redis.from_url(own_valkey.url) as client:
        client.config_set("maxmemory-policy", "allkeys-lru")
    assert "set maxmemory-policy to noeviction" in refused(deployment, LOCKGATE_REDIS_URL=own_valkey.url)


@pytest.mark.parametrize("pool", ["gevent", "eventlet"])
def test_pools_without_threads_of_their_own_are_refused(pool: str) -> None:
    made = type("TaskPool", (), {"__module__": f"celery.concurrency.{pool}"})
    with pytest.raises(ConfigError, match="-P threads or -P prefork"):
        check_pool(made)


def test_a_database_that_does_not_come_up_is_named(deployment: Deployment) -> None:
    deployment.platform.ledger.close()
    deployment.platform.ledger.url = f"postgresql://u:p@{NOWHERE}/nowhere"
    with pytest.raises(ConfigError, match="check LOCKGATE_DATABASE_URL"):
        check_ledger(deployment.platform, patience=0.0)


def test_a_database_that_goes_away_in_the_middle_of_the_look_is_waited_for(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks: list[str] = []

    def crashed_at_first(connection: Connection) -> bool:
        looks.append("look")
        if len(looks) == 1:
            connection.execute("SELECT pg_terminate_backend(pg_backend_pid())")
        return pending(connection)

    monkeypatch.setattr("tasks.preflight.pending", crashed_at_first)
    check_ledger(deployment.platform)
    assert len(looks) == 2
