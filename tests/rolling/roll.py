"""A rolling restart from the version before to this one and back, under load, over one database and one Redis.

`make rolling` runs it. It is no part of `make test`: it needs the old version, which a shallow clone does not have.
"""

import subprocess
import sys
import tarfile
import threading
from collections.abc import Callable
from io import BytesIO
from pathlib import Path

import pytest
from given.deployment import Deployment, eventually
from given.documents import ROOT
from given.payments import charges, pay

OLD = "1e51932"  # the last commit of the first step
Deploy = Callable[..., Deployment]
ROUNDS = 3


@pytest.fixture
def old(tmp_path: Path) -> Path:
    """The old version, unpacked."""
    packed = subprocess.run(["git", "archive", OLD], cwd=ROOT, capture_output=True, check=False)
    assert packed.returncode == 0, f"this clone does not have {OLD}: `git fetch --unshallow`, and try again"
    folder = tmp_path / "old"
    with tarfile.open(fileobj=BytesIO(packed.stdout)) as tar:
        tar.extractall(folder, filter="data")
    return folder


def test_old_and_new_workers_take_turns_under_load_and_lose_and_double_nothing(deploy: Deploy, old: Path) -> None:
    deployment = deploy()
    assert_version(deployment, old)
    over, asked = threading.Event(), []

    def ask() -> None:
        while not over.wait(0.1):
            asked.append((f"roll-{len(asked)}", pay(f"roll-{len(asked)}").id))

    asking = threading.Thread(target=ask)
    asking.start()
    try:
        up = [deployment.worker(source=old), deployment.worker(source=old)]
        for _ in range(ROUNDS):
            for source in (None, None, old, old):  # to the new version and back, one after the other
                up.append(deployment.worker(source=source))
                before = len(asked)
                eventually(lambda before=before: len(asked) >= before + 20)
                leaving = up.pop(0)
                leaving.end()
                assert leaving.process.returncode == 0, leaving.log.read_text()[-2000:]
    finally:
        over.set()
        asking.join()
    for name, ticket in asked:
        deployment.ends(ticket)
        assert len(charges(deployment, name)) == 1
    assert deployment.count("operations") == len(asked)
    assert deployment.count("dead_letters") == 0
    for worker in deployment.workers:
        assert deployment.count(f"attempts WHERE worker LIKE '%:{worker.process.pid}:%'") > 0, "it had no part in this"


def assert_version(deployment: Deployment, folder: Path) -> None:
    """From that folder its own code runs, and not what is installed."""
    ask = [sys.executable, "-c", "import tasks; print(tasks.__file__)"]
    found = subprocess.run(ask, env=deployment.environment, cwd=folder, capture_output=True, text=True, check=True)
    assert found.stdout.strip() == str(folder / "tasks/__init__.py")
