"""A process dies at each place of the life of an operation: the operation ends once, whatever was under way."""

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import pytest
import redis
from celery import chain
from given.console import SCRIPT
from given.deployment import Deployment, eventually
from given.orders import order
from given.payments import charges, mail, mails, pay, posts

from config.crashpoint import EXIT_CODE, POINTS
from tasks.app import app
from tasks.payments import take_payment

Deploy = Callable[..., Deployment]
TIMES = {"call__connect": "0.4s", "call__read": "0.8s", "call__total": "1s", "call__lease": "2s", "settle": "1s"}
OF_THE_CALLER = {"accept.before_commit", "accept.after_commit", "hint.before_publish", "hint.after_publish"}
OF_A_PERSON = {"requeue.before_commit", "requeue.after_commit"}
OF_A_RUN = {"run.before_commit", "run.after_commit"}  # tests/drills/test_runs.py
OF_A_WORKER = sorted(set(POINTS) - {"accept.before_commit", "accept.after_commit"} - OF_A_PERSON - OF_A_RUN)
KILLS = 2
IN_EVERY_RUN = {
    "claim.after_commit", "call.after_last_byte", "call.after_answer", "record.before_commit", "record.after_commit",
    "sweep.before_take_back", "inquiry.after_finding", "follow.before_finalise",
}  # fmt: skip

ASK = """
import sys, json
from tasks.payments import take_payment
print(take_payment.delay(**json.loads(sys.argv[1])).id)
"""


@pytest.mark.parametrize(
    "point",
    [pytest.param(point, marks=[] if point in IN_EVERY_RUN else [pytest.mark.nightly]) for point in OF_A_WORKER],
)
def test_workers_that_die_there_cost_time_and_no_operation(deploy: Deploy, tmp_path: Path, point: str) -> None:
    deployment = deploy(**TIMES, **({"retry__give_up_after": "2s"} if point.endswith("_judge") else {}))
    payments = [pay(f"8401-{number}") for number in range(3)]
    letters = [mail(f"8401-{number}") for number in range(3)]
    steps = chain(take_payment.si(**order(f"8401-step-{at}")) for at in range(3)).apply_async()
    trouble(deployment, point)
    with workers_that_die(deployment, point, tmp_path / "crashes.jsonl") as crashes:
        eventually(lambda: len(crashes()) >= KILLS)
        if point.endswith("_judge"):
            for one in [*payments, *letters]:
                deployment.ends(one.id, "dead")
        else:
            for one in [*payments, *letters, steps.parent.parent, steps.parent, steps]:
                eventually(lambda one=one: one.ready())
    assert {crash["point"] for crash in crashes()} == {point}
    if point.endswith("_judge"):  # their time was up before there was a worker
        assert {deployment.row("reason, effect", one.id) for one in [*payments, *letters]} == {("deadline", "none")}
        assert deployment.sandbox.effects() == []
        return
    for one in [*payments, *letters, steps.parent.parent, steps.parent, steps]:
        assert deployment.row("state, effect", one.id) == ("succeeded", "done")
    for at in range(3):
        assert len(charges(deployment, f"8401-{at}")) == len(charges(deployment, f"8401-step-{at}")) == 1
    assert len(mails(deployment)) == len(letters)


@pytest.mark.parametrize(
    "acks",
    [
        pytest.param("late", marks=pytest.mark.nightly),
        "late,reject",
        pytest.param("late,reject,keep", marks=pytest.mark.nightly),
    ],
)
def test_when_a_team_has_messages_acknowledged_changes_nothing(deploy: Deploy, tmp_path: Path, acks: str) -> None:
    """Celery gives what a lost child held back to the queue, or to nobody; the row says who may send."""
    deployment, log = deploy(**TIMES), tmp_path / "crashes.jsonl"
    deployment.worker(
        pool="prefork", concurrency=2, LOCKGATE_CRASH_LOG=str(log), LOCKGATE_CRASH_AT="call.after_last_byte:3",
        LOCKGATE_TASKS="soak.subject.acknowledging", SOAK_ACKS=acks,
    )  # fmt: skip
    (told,) = eventually(lambda: app.control.inspect().registered("acks_late")).values()
    assert any(one.startswith("tasks.payments.take_payment [acks_late=True") for one in told), told
    payments = [pay(f"8404-{number}") for number in range(12)]
    for one in payments:
        deployment.ends(one.id)
    assert len(log.read_text().splitlines()) >= KILLS
    assert [len(charges(deployment, f"8404-{number}")) for number in range(12)] == [1] * 12


@pytest.mark.parametrize("point", sorted(OF_THE_CALLER))
def test_a_caller_that_dies_there_asks_again_and_is_answered_once(deploy: Deploy, point: str) -> None:
    deployment = deploy(**TIMES)
    assert ask(deployment, "8402", LOCKGATE_CRASH_AT=point) is None
    assert deployment.count("operations") == (0 if point == "accept.before_commit" else 1)
    deployment.worker()
    ticket = ask(deployment, "8402")
    assert ticket is not None
    deployment.ends(ticket)
    assert deployment.count("operations") == 1
    assert len(charges(deployment, "8402")) == 1


@pytest.mark.parametrize("point", sorted(OF_A_PERSON))
def test_a_requeue_that_dies_there_is_whole_or_not_there(deploy: Deploy, point: str) -> None:
    deployment = deploy(**TIMES)
    worker = deployment.worker()
    deployment.sandbox.fault("F21", match={"method": "POST"}, times=1)
    result = pay("8403")
    deployment.ends(result.id, "dead")
    command = [str(SCRIPT), "deadletter", "requeue", "dl_1", "--because", "mended"]
    died = subprocess.run(command, env=deployment.environment | {"LOCKGATE_CRASH_AT": point}, check=False)
    assert died.returncode == EXIT_CODE
    written = 1 if point == "requeue.after_commit" else 0
    assert deployment.count("audit WHERE action = 'requeue'") == written
    assert deployment.row("epoch", result.id) == 1 + written
    if not written:
        subprocess.run(command, env=deployment.environment, check=True)
    eventually(lambda: deployment.row("epoch, state", result.id) == (2, "dead"))  # that refusal is kept under its key
    assert deployment.count("audit WHERE action = 'requeue'") == 1
    assert len(posts(deployment)) == 2
    assert worker.process.poll() is None


def trouble(deployment: Deployment, point: str) -> None:
    """What leads to this place."""
    if point.startswith(("hint.", "sweep.after_mark")):
        with redis.Redis.from_url(deployment.valkey.url) as client:
            client.flushall()  # so that the sweep hints
    if point.startswith("inquiry."):
        deployment.sandbox.fault("F04", match={"method": "POST", "path_prefix": "/email"}, times=3)
    if point.endswith("_judge"):
        eventually(lambda: not deployment.count("operations WHERE deadline_at > statement_timestamp()"))
    if point.endswith("_take_back"):
        deployment.sandbox.control(
            "POST", "/config", latency=0.3
        )  # so that some calls are under way when a worker dies


@contextmanager
def workers_that_die(deployment: Deployment, point: str, log: Path) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """One worker after the other; the first ones die at the place."""
    over = threading.Event()
    armed = {"LOCKGATE_CRASH_AT": point, "LOCKGATE_CRASH_LOG": str(log)}
    first = {"LOCKGATE_CRASH_AT": "claim.after_commit:3"} if point.endswith("_take_back") else armed

    def crashes() -> list[dict[str, Any]]:
        return [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []

    def supervise() -> None:
        worker, environment = None, first
        while not over.wait(0.05):
            if worker is None or worker.process.poll() is not None:
                worker = None
                with suppress(AssertionError):  # it died before it was ready
                    worker = deployment.worker(**environment)
                environment = armed if len(crashes()) < KILLS else {}

    supervisor = threading.Thread(target=supervise)
    supervisor.start()
    try:
        yield crashes
    finally:
        over.set()
        supervisor.join()


def ask(deployment: Deployment, name: str, **environment: str) -> str | None:
    """A caller in a process of its own; None when it died."""
    command = [sys.executable, "-c", ASK, json.dumps(order(name))]
    asked = subprocess.run(
        command, env=deployment.environment | environment, capture_output=True, text=True, check=False
    )
    if asked.returncode == EXIT_CODE:
        return None
    assert asked.returncode == 0, asked.stderr
    return asked.stdout.strip()
