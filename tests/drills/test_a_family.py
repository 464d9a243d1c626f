"""Workers that were forked from one process: they share memory, and nothing else."""

import os
import pty
import re
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

import psutil
import psycopg
from given.deployment import PATIENCE, Deployment, Worker, eventually
from given.payments import pay
from given.process import drawn_by_chance, shared_memory

Deploy = Callable[..., Deployment]
MORE = {"LOCKGATE_TASKS": "given.process", "PYTHONPATH": str(Path(__file__).parents[1])}
PATIENT = {"call__total": "600s", "call__read": "600s", "call__lease": "1200s", "retry__give_up_after": "1h"}
CALLING = "operations WHERE state = 'calling'"
MB = 1_000_000


def members(family: Worker) -> list[int]:
    """The processes that are workers now."""
    return [child.pid for child in psutil.Process(family.process.pid).children()]


def runs(pid: int) -> bool:
    with suppress(psutil.NoSuchProcess):
        return psutil.Process(pid).status() != psutil.STATUS_ZOMBIE
    return False


def who_called(deployment: Deployment) -> dict[int, str]:
    """Of the processes that have claimed an operation, how their leases name the worker."""
    with deployment.platform.ledger.connection() as connection:
        found = [str(row[0]).split("/") for row in connection.execute("SELECT worker FROM lockgate.attempts")]
    return {int(process): worker for worker, process, _ in found}


def work_until_all_have_had_some(deployment: Deployment, family: Worker, key: str) -> dict[int, str]:
    """Operations, one after the other, until each member has carried one out."""
    for number in range(1000):
        deployment.ends(pay(f"{key}-{number}").id)
        called = who_called(deployment)
        if set(members(family)) <= set(called):
            return called
    raise AssertionError(f"{members(family)}, but only {called}")


def all_are_busy(deployment: Deployment, family: Worker, key: str) -> None:
    """Wait until each member has a call under way; the provider takes its time."""
    number = 0

    def busy() -> bool:
        nonlocal number
        pay(f"{key}-{number}")
        number += 1
        return set(members(family)) <= set(who_called(deployment)) and deployment.count(CALLING) >= len(members(family))

    eventually(busy, every=0.1)


def nothing_was_cut_off(deployment: Deployment) -> bool:
    """Whether all that was begun has succeeded, at the first attempt; what was not, may wait for other workers."""
    begun = deployment.count("attempts")
    return deployment.count("operations WHERE state = 'succeeded'") == deployment.count("replies") == begun > 0


def test_each_of_them_carries_out_operations_under_a_name_of_its_own_and_they_share_memory(deploy: Deploy) -> None:
    deployment = deploy()
    family = deployment.worker(processes=2)
    pids = members(family)
    called = work_until_all_have_had_some(deployment, family, "8702")
    assert set(called) == set(pids)
    assert len(set(called.values())) == 2
    assert min(shared_memory(pid) for pid in pids) > 30 * MB
    assert psutil.Process(family.process.pid).memory_info().rss < 20 * MB
    log = family.log.read_text()
    assert re.search(r"w01@\S+ ready\.", log)
    assert re.search(r"w02@\S+ ready\.", log)


def test_one_that_is_killed_is_replaced_and_the_work_goes_on(deploy: Deploy) -> None:
    deployment = deploy()
    family = deployment.worker(processes=2)
    killed, other = members(family)
    os.kill(killed, signal.SIGKILL)
    family.has_begun(3)
    assert other in members(family)
    assert killed not in members(family)
    assert len(members(family)) == 2
    work_until_all_have_had_some(deployment, family, "8703")
    told = [line for line in family.log.read_text().splitlines() if "lockgate.workers" in line]
    assert len(told) == 1
    assert re.search(rf"w01@\S+ \(process {killed}\) was killed by SIGKILL", told[0])
    family.end()
    assert family.process.returncode == 0  # whoever died was made good


def test_sigterm_lets_all_finish_what_they_have_begun(deploy: Deploy) -> None:
    deployment = deploy(**PATIENT)
    deployment.sandbox.control("POST", "/config", latency=2.0)
    family = deployment.worker(processes=2, concurrency=1)
    pids = members(family)
    all_are_busy(deployment, family, "8710")
    family.signal(signal.SIGTERM)
    assert family.process.wait(PATIENCE) == 0
    assert nothing_was_cut_off(deployment)
    assert not [pid for pid in pids if runs(pid)]
    assert family.log.read_text().count("Warm shutdown") == 2


def test_when_the_supervisor_is_killed_all_end_and_finish_what_they_have_begun(deploy: Deploy) -> None:
    deployment = deploy(**PATIENT)
    deployment.sandbox.control("POST", "/config", latency=2.0)
    family = deployment.worker(processes=2, concurrency=1)
    pids = members(family)
    all_are_busy(deployment, family, "8711")
    family.signal(signal.SIGKILL)
    family.process.wait(PATIENCE)
    eventually(lambda: not [pid for pid in pids if runs(pid)])
    assert nothing_was_cut_off(deployment)


def test_sighup_lets_each_begin_anew_in_its_place(deploy: Deploy) -> None:
    deployment = deploy()
    family = deployment.worker(processes=2)
    pids = members(family)
    family.signal(signal.SIGHUP)
    family.has_begun(4)
    assert members(family) == pids
    log = family.log.read_text()
    assert [len(re.findall(rf"{name}@\S+ ready\.", log)) for name in ("w01", "w02")] == [2, 2]
    work_until_all_have_had_some(deployment, family, "8704")
    family.end()
    assert family.process.returncode == 0


def test_ctrl_c_reaches_each_once(deploy: Deploy) -> None:
    deployment = deploy(**PATIENT)
    deployment.sandbox.control("POST", "/config", latency=2.0)
    ours, theirs = pty.openpty()
    family = deployment.worker(processes=2, concurrency=1, terminal=theirs)
    os.close(theirs)
    all_are_busy(deployment, family, "8705")
    os.write(ours, b"\x03")
    assert family.process.wait(PATIENCE) == 1  # as that of Celery's worker, when it is interrupted
    os.close(ours)
    assert nothing_was_cut_off(deployment)
    said = family.log.read_text()
    assert said.count("Hitting Ctrl+C again will initiate cold shutdown") == 2
    assert "Hitting Ctrl+C again will terminate" not in said


def test_chance_differs_between_them(deploy: Deploy) -> None:
    deployment = deploy({"LOCKGATE_TASKS": MORE["LOCKGATE_TASKS"]})
    family = deployment.worker(processes=2, **MORE)
    drawn: dict[int, list[float]] = {}

    def both_have_drawn() -> bool:
        pid, chances = drawn_by_chance.delay().get(timeout=PATIENCE)
        drawn.setdefault(pid, chances)
        return set(drawn) == set(members(family))

    eventually(both_have_drawn, every=0.0)
    first, second = drawn.values()
    assert not set(first) & set(second)


def test_each_has_a_core_of_its_own_if_there_are_as_many(deploy: Deploy, tmp_path: Path) -> None:
    family = deploy().worker(processes=2, TMPDIR=str(tmp_path))

    def cores() -> list[set[int]]:
        return [os.sched_getaffinity(pid) for pid in members(family)]

    eventually(lambda: all(len(held) == 1 for held in cores()))
    assert len(set.union(*cores())) == min(2, len(os.sched_getaffinity(0)))


def test_with_prefork_each_has_children_that_work(deploy: Deploy) -> None:
    deployment = deploy()
    family = deployment.worker(processes=2, pool="prefork", concurrency=1)
    pids = members(family)
    parents: set[int] = set()
    for number in range(1000):
        deployment.ends(pay(f"8706-{number}").id)
        parents = {psutil.Process(pid).ppid() for pid in who_called(deployment)}
        if parents == set(pids):
            break
    assert parents == set(pids)
    family.end()
    assert family.process.returncode == 0


def test_a_family_that_is_refused_says_so_and_ends(deployment: Deployment) -> None:
    with psycopg.connect(deployment.environment["LOCKGATE_DATABASE_URL"], autocommit=True) as connection:
        connection.execute("DROP SCHEMA lockgate CASCADE")
    code, said = ended(deployment)
    assert code == 1
    assert "run `lockgate migrate` first" in said
    assert "Traceback" not in said


def test_a_family_whose_workers_cannot_begin_ends(deployment: Deployment) -> None:
    code, said = ended(deployment, **(MORE | {"LOCKGATE_TASKS": "given.refusing"}))
    assert code == 1
    assert "no worker can begin here" in said
    assert "takes its place" not in said


def test_a_module_that_starts_a_thread_as_it_is_imported_is_refused(deployment: Deployment) -> None:
    code, said = ended(deployment, **(MORE | {"LOCKGATE_TASKS": "given.threaded"}))
    assert code == 1
    assert "started a thread or opened a connection while it was imported" in said
    assert "Traceback" not in said


def ended(deployment: Deployment, **environment: str) -> tuple[int, str]:
    """The exit code of a family that ends by itself, and what it said."""
    done = subprocess.run(
        [sys.executable, "-m", "admin.cli", "workers", "--processes", "2"],
        env=deployment.environment | environment, capture_output=True, text=True, timeout=PATIENCE, check=False,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_nothing_of_the_platform_is_there_before_the_fork(deployment: Deployment) -> None:
    """A ledger or a Redis of the parent's would be everybody's."""
    script = "from tasks import family, platform; family._preload(); assert platform._platform is None"
    subprocess.run([sys.executable, "-c", script], env=deployment.environment, check=True)
