"""Real servers for the whole session, started from wheels and ended with it."""

import base64
import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import psycopg
import pytest
import redis
from given.deployment import Deployment, as_application
from given.folders import running
from given.proxy import Proxy
from psycopg import sql

from demo.quick import write_quick_files
from embedded import Postgres, Valkey
from ledger.migrate import upgrade
from ledger.session import Ledger

# Tests need recovery after a killed server, not after a power cut: the operating system keeps what was written.
_FAST = {"fsync": "off", "synchronous_commit": "on", "full_page_writes": "off"}

_FAILED = pytest.StashKey[bool]()


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """Asked with `-n` only."""
    from given.side_by_side import SideBySide  # noqa: PLC0415  whoever runs one process needs no xdist

    config.option.loadscopereorder = False  # the order is ours
    return SideBySide(config, log)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """One process alone keeps the order of the files."""
    if hasattr(config, "workerinput"):
        from given.side_by_side import longest_first  # noqa: PLC0415

        longest_first(items)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Iterator[None]:
    """Let fixtures know that their test has failed."""
    report = yield
    if report.when == "call":
        item.stash[_FAILED] = report.failed
    return report


@pytest.fixture(scope="session")
def postgres() -> Iterator[Postgres]:
    """A PostgreSQL for tests that leave it alone."""
    with running(Postgres, settings=_FAST) as server:
        yield server


@pytest.fixture(scope="session")
def valkey() -> Iterator[Valkey]:
    """A Valkey for tests that leave it alone."""
    with running(Valkey) as server:
        yield server


@pytest.fixture
def redis_url(valkey: Valkey) -> str:
    """An empty Redis."""
    with redis.Redis.from_url(valkey.url) as client:
        client.flushall()
    return valkey.url


@pytest.fixture(scope="session")
def data_key() -> str:
    """The key that seals the tests' ledgers."""
    return base64.urlsafe_b64encode(os.urandom(32)).decode()


@pytest.fixture(scope="session")
def template(postgres: Postgres) -> str:
    """The name of a database that holds an empty, migrated ledger, to be copied."""
    with psycopg.connect(postgres.url, autocommit=True) as connection:
        connection.execute("CREATE DATABASE template_ledger")
    upgrade(_named(postgres.url, "template_ledger"))
    return "template_ledger"


@pytest.fixture(scope="session")
def make_database(postgres: Postgres, template: str) -> Callable[[], str]:
    """Makes databases with an empty ledger; they end with the server."""

    def make() -> str:
        name = f"ledger_{uuid.uuid4().hex[:12]}"
        with psycopg.connect(postgres.url, autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {} STRATEGY file_copy").format(
                    sql.Identifier(name), sql.Identifier(template)
                )
            )
        return _named(postgres.url, name)

    return make


@pytest.fixture
def database_url(make_database: Callable[[], str], postgres: Postgres) -> Iterator[str]:
    """A database of the test's own with an empty ledger."""
    url = make_database()
    yield url
    with psycopg.connect(postgres.url, autocommit=True) as connection:  # kept, all of them would be 28 GB
        connection.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(url.rpartition("/")[2])))


@pytest.fixture
def ledger(database_url: str, data_key: str) -> Iterator[Ledger]:
    """An empty ledger."""
    opened = Ledger(database_url, data_key)
    yield opened
    opened.close()


@pytest.fixture
def deploy(
    tmp_path: Path, valkey: Valkey, database_url: str, data_key: str, request: pytest.FixtureRequest
) -> Iterator[Callable[..., Deployment]]:
    """Makes a deployment with an empty Redis, on the session's servers unless others are given."""
    made: list[Any] = []

    def make(
        more: dict[str, str] | None = None,
        *,
        database: str = database_url,
        redis_server: Valkey = valkey,
        **changes: Any,
    ) -> Deployment:
        with redis.Redis.from_url(redis_server.url) as client:
            client.flushall()
        providers = write_quick_files(tmp_path / "providers", **changes)
        deployment = Deployment(
            tmp_path, database_url=database, valkey=redis_server, data_key=data_key, providers=providers, more=more
        )
        application = as_application(deployment.settings)
        application.__enter__()
        made.append((deployment, application))
        return deployment

    yield make
    for deployment, application in made:
        if request.node.stash.get(_FAILED, False):
            print(deployment.story())  # noqa: T201  shown beneath the failure
        deployment.close()
        application.__exit__(None, None, None)


@pytest.fixture
def database_proxy(database_url: str) -> Iterator[Proxy]:
    """A way to the test's database that can be cut."""
    proxy = Proxy(database_url)
    yield proxy
    proxy.close()


@pytest.fixture
def own_valkey() -> Iterator[Valkey]:
    """A Valkey to kill."""
    with running(Valkey) as server:
        yield server


@pytest.fixture
def own_postgres() -> Iterator[Postgres]:
    """A PostgreSQL to kill, with an empty ledger."""
    with running(Postgres, settings={"fsync": "off"}) as server:
        upgrade(server.url)
        yield server


@pytest.fixture
def deployment(deploy: Callable[..., Deployment]) -> Deployment:
    """One with the ordinary quick times."""
    return deploy()


def _named(url: str, database: str) -> str:
    return f"{url.rpartition('/')[0]}/{database}"
