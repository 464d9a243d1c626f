"""One operation goes out, once, whatever is killed on the way."""

import signal

from given.deployment import PATIENCE, Deployment, eventually
from given.payments import charges, pay


def test_a_payment_is_taken_and_told_to_everybody_who_asked(deployment: Deployment) -> None:
    deployment.worker()
    first, second = pay("1001"), pay("1001")
    told = first.get(timeout=PATIENCE)
    assert told == second.get(timeout=PATIENCE)
    assert (told["state"], told["effect"]) == ("succeeded", "done")
    assert [charge["reference"] for charge in charges(deployment, "1001")] == [told["reference"]]


def test_a_worker_killed_in_the_middle_of_a_call_leads_to_one_charge(deployment: Deployment) -> None:
    deployment.sandbox.fault("F03", variant="before", times=1)
    worker = deployment.worker()
    result = pay("1002")
    eventually(lambda: deployment.sandbox.events("request"))
    eventually(lambda: any(event["path"] == "/v1/payment_intents" for event in deployment.sandbox.events("request")))
    worker.kill()
    deployment.worker()
    deployment.ends(result.id)
    assert len(charges(deployment, "1002")) == 1


def test_a_worker_killed_after_the_charge_leads_to_one_charge(deployment: Deployment) -> None:
    deployment.sandbox.fault("F04", variant="after", times=1)
    worker = deployment.worker()
    result = pay("1003")
    eventually(lambda: charges(deployment, "1003"))
    worker.kill()
    deployment.worker()
    deployment.ends(result.id)
    assert len(charges(deployment, "1003")) == 1


def test_a_frozen_worker_that_wakes_after_its_lease_does_no_harm(deployment: Deployment) -> None:
    deployment.sandbox.fault("F04", variant="after", times=1)
    frozen = deployment.worker()
    result = pay("1004")
    eventually(lambda: charges(deployment, "1004"))
    frozen.freeze()
    deployment.worker()
    deployment.ends(result.id)
    frozen.signal(signal.SIGCONT)
    frozen.end()
    assert len(charges(deployment, "1004")) == 1
    assert deployment.state_of(result.id) == "succeeded"
