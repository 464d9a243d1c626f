"""The threads of a real worker keep to one core; a plain task, and what it starts, go where there is room."""

import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from given.deployment import Deployment, Worker, eventually
from given.payments import pay
from given.process import cores_of_a_process, cores_of_a_task

Deploy = Callable[..., Deployment]
ALL = os.sched_getaffinity(0)


def cores_of(worker: Worker) -> Counter[frozenset[int]]:
    """Where the threads of its process may run."""
    tasks = Path(f"/proc/{worker.process.pid}/task")
    return Counter(frozenset(os.sched_getaffinity(int(task.name))) for task in tasks.iterdir())


def held_to(worker: Worker) -> frozenset[int] | None:
    """The core that all its threads keep to; only the one that looks is held by nobody."""
    found = cores_of(worker)
    held = next((cores for cores in found if len(cores) == 1), None)
    return held if len(found) == 2 and found[frozenset(ALL)] == 1 else None


def test_each_worker_keeps_to_a_core_of_its_own_and_the_successor_of_one_takes_its(
    deploy: Deploy, tmp_path: Path
) -> None:
    deployment = deploy()
    machine = {"TMPDIR": str(tmp_path)}  # other tests' workers are on another machine, as it were
    workers = [deployment.worker(**machine) for _ in ALL]
    held = [eventually(lambda worker=worker: held_to(worker)) for worker in workers]
    assert len(set(held)) == len(ALL)
    deployment.ends(pay("8601").id)
    assert [held_to(worker) for worker in workers] == held  # and what was started for the call as well
    one_more = deployment.worker(**machine)
    assert set(cores_of(one_more)) == {frozenset(ALL)}
    workers[0].kill()
    assert eventually(lambda: held_to(one_more)) == held[0]


def test_a_plain_task_and_what_it_starts_go_where_there_is_room(deploy: Deploy, tmp_path: Path) -> None:
    deployment = deploy()
    worker = deployment.worker(
        TMPDIR=str(tmp_path), LOCKGATE_TASKS="given.process", PYTHONPATH=str(Path(__file__).parents[1])
    )
    eventually(lambda: held_to(worker))
    assert cores_of_a_task.delay().get(timeout=100) == len(ALL)
    assert cores_of_a_process.delay().get(timeout=100) == len(ALL)
    eventually(lambda: held_to(worker))


def test_who_does_not_want_it_is_not_held(deploy: Deploy, tmp_path: Path) -> None:
    deployment = deploy()
    worker = deployment.worker(TMPDIR=str(tmp_path), LOCKGATE_ONE_CORE="no")
    children = deployment.worker(pool="prefork", concurrency=1, TMPDIR=str(tmp_path))
    deployment.ends(pay("8602").id)
    assert set(cores_of(worker)) == set(cores_of(children)) == {frozenset(ALL)}
    assert not list(tmp_path.glob("lockgate-*-core-*"))
