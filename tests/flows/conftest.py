"""A shop: an application with tasks of its own, beside ours, on a whole deployment."""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from given.deployment import Deployment, as_application

from demo.quick import write_quick_files
from embedded import Valkey

TESTS = Path(__file__).parent.parent


def _shop(folder: Path) -> dict[str, str]:
    return {"LOCKGATE_TASKS": "given.shop", "PYTHONPATH": str(TESTS), "SHOP_DIARY": str(folder / "diary.jsonl")}


@pytest.fixture(scope="module")
def shop(
    tmp_path_factory: pytest.TempPathFactory, valkey: Valkey, make_database: Callable[[], str], data_key: str
) -> Iterator[Deployment]:
    """A shop with one worker, for all the tests of a module that break nothing."""
    folder = tmp_path_factory.mktemp("shop")
    os.environ["SHOP_DIARY"] = str(folder / "diary.jsonl")
    deployment = Deployment(
        folder, database_url=make_database(), valkey=valkey, data_key=data_key, more=_shop(folder),
        providers=write_quick_files(folder / "providers"),
    )  # fmt: skip
    with as_application(deployment.settings):
        deployment.worker(concurrency=8)
        yield deployment
        deployment.close()


@pytest.fixture
def bare_shop(deploy: Callable[..., Deployment], tmp_path: Path) -> Deployment:
    """A shop of the test's own, whose workers the test starts and breaks."""
    made: Any = deploy(_shop(tmp_path))
    os.environ["SHOP_DIARY"] = str(tmp_path / "diary.jsonl")
    return made  # type: ignore[no-any-return]
