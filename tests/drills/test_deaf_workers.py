"""A worker that is alive and takes no work is noticed by itself, and heard again or replaced, without a human."""

from collections.abc import Callable
from pathlib import Path

import pytest
from given.deployment import Deployment, Worker, eventually
from given.payments import pay
from given.proxy import Proxy

from embedded import Valkey
from tasks.watchdog import EXIT_CODE

Deploy = Callable[..., Deployment]
SOON = {"LOCKGATE_DEAF_AFTER": "2"}


def test_a_half_open_connection_to_redis_is_cut_and_the_same_worker_goes_on(deploy: Deploy, own_valkey: Valkey) -> None:
    proxy = Proxy(own_valkey.url)
    deployment = deploy(redis_server=own_valkey)
    worker = deployment.worker(LOCKGATE_REDIS_URL=proxy.url, **SOON)
    deployment.ends(pay("8101").id)
    proxy.mute()
    deployment.ends(pay("8101-after").id)
    assert worker.process.poll() is None
    assert "connecting anew" in worker.log.read_text()
    proxy.close()


@pytest.mark.parametrize("pool", ["threads", "prefork"])
@pytest.mark.parametrize("how", ["consumer lost", "main thread hangs"])
def test_a_worker_that_stays_deaf_ends_and_its_successor_does_the_work(
    deploy: Deploy, tmp_path: Path, how: str, pool: str
) -> None:
    deployment = deploy()
    worker = breakable(deployment, tmp_path / "deaf", pool)
    deployment.ends(pay("8102").id)
    (tmp_path / "deaf").write_text(how)
    eventually(lambda: worker.process.poll() is not None)
    assert worker.process.returncode == EXIT_CODE
    result = pay("8102-after")
    deployment.worker(pool=pool)  # as a supervisor would
    deployment.ends(result.id)


def test_a_busy_worker_and_one_without_redis_are_not_taken_for_deaf(deploy: Deploy, own_valkey: Valkey) -> None:
    deployment = deploy(redis_server=own_valkey, call__total="8s", call__read="8s", call__lease="16s")
    worker = deployment.worker(concurrency=1, LOCKGATE_DEAF_AFTER="5")  # longer than between two tries to connect
    deployment.sandbox.fault("F03", match={"method": "POST"}, times=1)
    hung = pay("8103")
    eventually(lambda: deployment.state_of(hung.id) == "calling")
    deployment.ends(hung.id)  # its only slot was taken for longer than it takes to be deaf
    own_valkey.stop(immediate=True)
    waits = pay("8103-after")
    eventually(lambda: worker.log.read_text().count("Trying again in 2.00 seconds") >= 3)
    own_valkey.start()
    deployment.ends(waits.id)
    assert "deaf" not in worker.log.read_text()
    assert worker.process.poll() is None


def test_a_warm_shutdown_is_not_taken_for_deafness(deploy: Deploy) -> None:
    deployment = deploy(call__total="8s", call__read="8s", call__lease="16s")
    worker = deployment.worker(**SOON)
    deployment.sandbox.fault("F03", match={"method": "POST"}, times=1)
    hung = pay("8104")
    eventually(lambda: deployment.state_of(hung.id) == "calling")
    worker.end()
    assert worker.process.returncode == 0
    assert "deaf" not in worker.log.read_text()


def breakable(deployment: Deployment, mark: Path, pool: str) -> Worker:
    return deployment.worker(pool=pool, LOCKGATE_TASKS="given.deaf", DEAF_MARK=str(mark), PYTHONPATH=_tests(), **SOON)


def _tests() -> str:
    return str(Path(__file__).parents[1])
