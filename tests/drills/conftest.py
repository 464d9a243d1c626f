"""Deployments that drills break."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from given.deployment import Deployment, as_application

from demo.quick import write_quick_files
from embedded import Valkey


@pytest.fixture
def deploy(tmp_path: Path, valkey: Valkey, database_url: str, data_key: str) -> Iterator[Callable[..., Deployment]]:
    """Makes a deployment on the session's servers, with a database and an empty Redis of its own."""
    made: list[Any] = []

    def make(more: dict[str, str] | None = None, **changes: Any) -> Deployment:
        with redis.Redis.from_url(valkey.url) as client:
            client.flushall()
        providers = write_quick_files(tmp_path / "providers", **changes)
        deployment = Deployment(
            tmp_path, database_url=database_url, valkey=valkey, data_key=data_key, providers=providers, more=more
        )
        application = as_application(deployment.settings)
        application.__enter__()
        made.append((deployment, application))
        return deployment

    yield make
    for deployment, application in made:
        deployment.close()
        application.__exit__(None, None, None)


@pytest.fixture
def deployment(deploy: Callable[..., Deployment]) -> Deployment:
    """One with the ordinary quick times."""
    return deploy()
