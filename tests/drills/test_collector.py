"""Python's collector does not look again and again at what a worker was made of."""

from collections.abc import Callable
from pathlib import Path

import psutil
import pytest
from given.deployment import Deployment
from given.process import shared_memory, spared_by_the_collector

Deploy = Callable[..., Deployment]
SHARED = 45_000_000  # bytes at least; 32 million if the collector looks at them once
IMPORTED = 50_000  # objects at least; a worker has several times as many


@pytest.mark.parametrize("pool", ["threads", "prefork"])
def test_what_was_imported_is_spared(deploy: Deploy, pool: str) -> None:
    deployment = deploy()
    more = {"LOCKGATE_TASKS": "given.process", "PYTHONPATH": str(Path(__file__).parents[1])}
    deployment.worker(pool=pool, concurrency=1, **more)
    assert spared_by_the_collector.delay().get(timeout=100) > IMPORTED


def test_what_was_imported_is_not_copied_into_each_process_of_prefork(deploy: Deploy) -> None:
    worker = deploy().worker(pool="prefork", concurrency=2)
    children = psutil.Process(worker.process.pid).children()
    assert len(children) == 2
    assert min(shared_memory(child.pid) for child in children) > SHARED
