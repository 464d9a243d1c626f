"""An operation that takes down whoever carries it out: it ends alone, and its neighbours are innocent."""

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from given.deployment import Deployment, Worker, eventually
from given.payments import charges, pay, posts

from operations.operation import POISON

Deploy = Callable[..., Deployment]
POISONED = {
    "LOCKGATE_TASKS": "given.poison",
    "PYTHONPATH": str(Path(__file__).parents[1]),
}
SHORT = {"call__connect": "0.4s", "call__read": "0.8s", "call__total": "1s", "call__lease": "2s", "settle": "1s"}


@contextmanager
def supervised(deployment: Deployment, *, pool: str) -> Iterator[list[Worker]]:
    """A worker, and one after it whenever it died."""
    started = [deployment.worker(pool=pool, **POISONED)]
    over = threading.Event()

    def supervise() -> None:
        while not over.wait(0.1):
            if started[-1].process.poll() is not None:
                started.append(deployment.worker(pool=pool, **POISONED))

    supervisor = threading.Thread(target=supervise)
    supervisor.start()
    try:
        yield started
    finally:
        over.set()
        supervisor.join()


@pytest.mark.parametrize("pool", ["threads", "prefork"])
@pytest.mark.parametrize("how", ["segfault", "oom", "exit"])
def test_who_takes_its_process_down_alone_as_well_is_asked_about_and_dead(deploy: Deploy, how: str, pool: str) -> None:
    deployment = deploy(**SHORT)
    with supervised(deployment, pool=pool) as workers:
        poison = pay(f"poison-{how}")
        neighbours = [pay(f"8201-{number}") for number in range(20)]
        eventually(lambda: deployment.state_of(poison.id) in {"dead", "succeeded"})
        for neighbour in neighbours:
            deployment.ends(neighbour.id)
    # Twice it took a worker down, once its own process; the inquiry then found what it had done.
    assert deployment.row("state, effect", poison.id) == ("succeeded", "done")
    assert deployment.row("crashes", poison.id) == POISON
    assert len(charges(deployment, f"poison-{how}")) == 1
    assert len(posts(deployment)) - len(neighbours) >= POISON
    lost = 2 if pool == "threads" else 0  # a pool child that dies is replaced by its worker
    assert len(workers) == 1 + lost


def test_what_hangs_is_ended_when_it_is_alone(deploy: Deploy) -> None:
    deployment = deploy(**SHORT)
    worker = deployment.worker(**POISONED)
    result = pay("poison-hang")
    deployment.ends(result.id)
    assert deployment.row("crashes", result.id) == POISON
    assert worker.process.poll() is None


def test_an_inquiry_that_takes_its_process_down_is_a_persons_turn_and_not_the_deadlines(deploy: Deploy) -> None:
    deployment = deploy(**SHORT)
    deployment.sandbox.fault("F09", match={"method": "POST"})
    with supervised(deployment, pool="threads"):
        result = pay("venom-segfault")
        deployment.ends(result.id, "dead")
    assert deployment.row("reason, effect", result.id) == ("poison", "unknown")


def test_an_answer_that_cannot_be_read_for_its_depth_takes_nobody_down(deploy: Deploy) -> None:
    deployment = deploy(**SHORT)
    worker = deployment.worker(**POISONED)
    result = pay("poison-recursion")
    eventually(lambda: deployment.count("replies WHERE code = 'adapter_error'") >= 1)
    deployment.ends(result.id)
    assert deployment.row("crashes", result.id) == 0
    assert worker.process.poll() is None
    assert len(charges(deployment, "poison-recursion")) == 1


def test_who_was_twice_beside_a_crash_is_carried_out_alone_and_goes_on_as_ever(deploy: Deploy) -> None:
    deployment = deploy(**SHORT, limits=[{"calls": 5000, "per": "1s"}])  # a narrow one would refuse the first hint
    worker = deployment.worker()
    deployment.ends(pay("8202-first").id)  # from now on nothing is refused before the claim
    worker.freeze()
    result = pay("8202")
    operation = deployment.row("o.id", result.id)
    with deployment.platform.ledger.connection() as connection:
        connection.execute("UPDATE lockgate.operations SET crashes = 2 WHERE id = %s", [operation])
    worker.signal(signal.SIGCONT)  # it takes the hint of the acceptance first, which knows nothing of this
    deployment.ends(result.id)
    assert deployment.row("crashes", result.id) == 0
    with deployment.platform.ledger.connection() as connection:
        ((carried_out_by,),) = connection.execute(
            "SELECT worker FROM lockgate.attempts WHERE operation_id = %s", [operation]
        ).fetchall()
    assert f":{worker.process.pid}:" in carried_out_by  # a part of this worker
    assert f"/{worker.process.pid}/" not in carried_out_by  # and not its own process
