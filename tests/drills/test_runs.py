"""Runs of requeues at a real provider: driven by workers that die, and never a second charge."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from given.console import Console
from given.deployment import Deployment, eventually
from given.orders import charges, order

from config.crashpoint import EXIT_CODE
from tasks.payments import take_payment

Deploy = Callable[..., Deployment]
TIMES = {"call__connect": "0.4s", "call__read": "0.8s", "call__total": "1s", "call__lease": "2s", "settle": "1s"}
PAYMENTS = {"method": "POST", "path_prefix": "/v1/payment_intents"}
BECAUSE = ("--because", "their outage is over")


def console(deployment: Deployment) -> Console:
    return Console(deployment.environment | {"LOCKGATE_ACTOR": "ann"})


def dead_payments(deployment: Deployment, count: int, name: str) -> list[Any]:
    """Payments that the provider refused for want of a permission."""
    deployment.sandbox.fault("F19", form="scope", times=count, match=PAYMENTS)
    made = [take_payment.delay(**order(f"{name}-{number}")) for number in range(count)]
    for one in made:
        deployment.ends(one.id, "dead")
    return made


def keys(deployment: Deployment) -> list[str]:
    return [event["path"] for event in deployment.sandbox.events("request") if event["method"] == "POST"]


@pytest.mark.parametrize("point", ["run.before_commit", "run.after_commit"])
def test_a_run_survives_whoever_drives_it(deploy: Deploy, point: str) -> None:
    deployment = deploy(**TIMES)
    first = deployment.worker()
    count = 12
    made = dead_payments(deployment, count, "8501")
    first.end()
    shell = console(deployment)
    planned = shell.json("deadletter", "plan", "--provider", "stripe", "--canary", "3", *BECAUSE)
    assert shell.run("deadletter", "run", str(planned["id"]), "start", *BECAUSE).code == 0
    log = deployment.folder / "crashes.jsonl"
    dies = deployment.worker(LOCKGATE_CRASH_AT=f"{point}:5", LOCKGATE_CRASH_LOG=str(log))
    eventually(lambda: dies.process.poll() is not None)
    assert dies.process.returncode == EXIT_CODE
    assert [json.loads(line)["point"] for line in log.read_text().splitlines()] == [point]
    for _ in range(2):  # two drivers at once
        deployment.worker()
    eventually(lambda: deployment.count("runs WHERE state = 'done'") == 1)
    for one in made:
        deployment.ends(one.id)
    counts = shell.json("deadletter", "run", str(planned["id"]))["counts"]
    assert (counts["succeeded"], counts["total"]) == (count, count)
    assert deployment.count("audit WHERE action = 'requeue'") == count
    assert [len(charges(deployment, f"8501-{number}")) for number in range(count)] == [1] * count


def test_a_canary_that_the_provider_refuses_again_stops_the_run_and_after_the_mend_it_goes_on(deploy: Deploy) -> None:
    deployment = deploy(**TIMES)
    deployment.worker()
    made = dead_payments(deployment, 10, "8502")
    shell = console(deployment)
    broken = deployment.sandbox.fault("F19", form="scope", match=PAYMENTS)
    (group,) = shell.json("deadletter", "list", "--groups")
    planned = shell.json("deadletter", "plan", "--fingerprint", group["fingerprint"], "--canary", "2", *BECAUSE)
    number = str(planned["id"])
    assert shell.run("deadletter", "run", number, "start", *BECAUSE).code == 0
    eventually(lambda: deployment.count("runs WHERE state = 'stopped'") == 1)
    said = shell.run("deadletter", "run", number)
    assert said.code == 1
    assert "of the canary came back" in said.out  # it stops at the first that is seen
    assert said.out.strip().splitlines()[-1] == f'Next: lockgate deadletter run {number} resume --because "…"'
    assert shell.run("deadletter", "runs").code == 1
    assert deployment.count("audit WHERE action = 'requeue'") == 2
    assert deployment.sandbox.effects() == []
    deployment.sandbox.control("DELETE", f"/faults/{broken['id']}")
    assert shell.run("deadletter", "run", number, "resume", *BECAUSE).code == 0
    eventually(lambda: deployment.count("runs WHERE state = 'done'") == 1)
    assert deployment.count("dead_letters WHERE status = 'open'") == 2
    assert shell.run("deadletter", "runs").code == 0
    left = shell.json("deadletter", "plan", "--all", *BECAUSE)
    assert shell.run("deadletter", "run", str(left["id"]), "start", *BECAUSE).code == 0
    eventually(lambda: deployment.count("runs WHERE state = 'done'") == 2)
    for one in made:
        deployment.ends(one.id)
    assert [len(charges(deployment, f"8502-{at}")) for at in range(10)] == [1] * 10
    assert shell.run("deadletter", "groups").code == 0


@pytest.mark.parametrize("by", ["button", "bulk"])
def test_a_requeue_past_the_retention_of_the_key_never_charges_twice(deploy: Deploy, by: str) -> None:
    """A charge that was made and not heard of, dead for longer than the provider remembers its key."""
    deployment = deploy(**TIMES)
    deployment.sandbox.control("POST", "/config", key_retention=0.1)
    deployment.worker()
    blind = deployment.sandbox.fault(
        "F24", form="absent", match={"method": "GET", "path_prefix": "/v1/payment_intents"}
    )
    count = 3
    deployment.sandbox.fault("F09", times=count, match=PAYMENTS)
    made = [take_payment.delay(**order(f"8503-{number}")) for number in range(count)]
    for one in made:
        deployment.ends(one.id, "dead")
        assert deployment.row("effect", one.id) == "unknown"
    with deployment.platform.ledger.connection() as connection:
        connection.execute("UPDATE lockgate.operations SET send_until = now() - interval '1 hour'")
    deployment.sandbox.control("DELETE", f"/faults/{blind['id']}")
    sent = len(keys(deployment))
    shell = console(deployment)
    if by == "button":
        for one in made:
            key = deployment.row("business_key", one.id)
            assert shell.json("deadletter", "requeue", key, *BECAUSE)[0]["asks_first"]
    else:
        planned = shell.json("deadletter", "plan", "--all", *BECAUSE)
        told = planned["figures"]
        assert (told["asks_first"], told["key_expired"]) == (count, count)
        assert shell.run("deadletter", "run", str(planned["id"]), "start", *BECAUSE).code == 0
        eventually(lambda: deployment.count("runs WHERE state = 'done'") == 1)
    for one in made:
        deployment.ends(one.id)
    assert len(keys(deployment)) == sent, "nothing was sent again"
    for number, one in enumerate(made):
        (reference,) = charges(deployment, f"8503-{number}")
        assert deployment.row("reference", one.id) == reference


@pytest.mark.parametrize("by", ["button", "bulk"])
def test_without_an_effect_a_forgotten_key_is_asked_about_and_then_sent_once(deploy: Deploy, by: str) -> None:
    deployment = deploy(**TIMES)
    deployment.sandbox.control("POST", "/config", key_retention=0.1)
    deployment.worker()
    made = dead_payments(deployment, 2, "8504")
    with deployment.platform.ledger.connection() as connection:
        connection.execute("UPDATE lockgate.operations SET send_until = now() - interval '1 hour'")
    shell = console(deployment)
    if by == "button":
        assert all(one["asks_first"] for one in shell.json("deadletter", "requeue", "dl_1", "dl_2", *BECAUSE))
    else:
        planned = shell.json("deadletter", "plan", "--all", *BECAUSE)
        assert shell.run("deadletter", "run", str(planned["id"]), "start", *BECAUSE).code == 0
        eventually(lambda: deployment.count("runs WHERE state = 'done'") == 1)
    for number, one in enumerate(made):
        deployment.ends(one.id)
        assert len(charges(deployment, f"8504-{number}")) == 1
