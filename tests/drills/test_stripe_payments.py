"""Each of Stripe's kinds from `.delay()` to the sandbox's journal: what an answer means is what becomes true there."""

from typing import Any

import pytest
from given.deployment import PATIENCE, Deployment, eventually
from given.traffic import PAYMENT, requests_at

from tasks.payments import capture_payment, create_customer, refund_payment, start_payment, take_payment


@pytest.fixture
def deployment(deployment: Deployment) -> Deployment:
    """One worker, and payments that ripen soon."""
    deployment.sandbox.control("POST", "/config", processing_delay=1.0)
    deployment.worker()
    return deployment


def pay(name: str, method: str, **more: Any) -> Any:
    return take_payment.delay(order_id=name, **PAYMENT | {"payment_method": method} | more)


def standing(deployment: Deployment, name: str) -> list[tuple[str, str]]:
    """The effects that stand for one of our ids, with their references."""
    return [
        (effect["effect"], effect["reference"]) for effect in deployment.sandbox.effects()
        if effect["standing"] and name in effect["metadata"].values()
    ]  # fmt: skip


def test_refused_payments_are_declined_once_what_they_left_open_is_closed(deployment: Deployment) -> None:
    """Whatever way it was refused: at once, for want of the customer, or days later."""
    methods = ["pm_card_chargeDeclined", "pm_card_authenticationRequired", "pm_processing_fails"]
    results = {method: pay(method, method) for method in methods}
    for method, result in results.items():
        deployment.ends(result.id, "declined")
        assert deployment.row("effect", result.id) == "none"
        assert standing(deployment, method) == []
    cancels = [event for event in requests_at(deployment.sandbox) if event["path"].endswith("/cancel")]
    assert len(cancels) == 3
    assert deployment.row("code", results["pm_card_chargeDeclined"].id) == "generic_decline"


def test_a_payment_under_way_is_awaited_and_then_has_succeeded(deployment: Deployment) -> None:
    result = pay("debit", "pm_processing")
    eventually(lambda: deployment.state_of(result.id) in {"awaiting", "succeeded"})
    deployment.ends(result.id)
    ((effect, reference),) = standing(deployment, "debit")
    assert effect == "charge"
    assert deployment.row("effect, reference", result.id) == ("done", reference)


def test_a_refusal_whose_answer_is_lost_still_closes_what_it_left_open(deployment: Deployment) -> None:
    deployment.sandbox.fault("F06", times=1, match={"path_prefix": "/v1/payment_intents"})
    result = pay("torn", "pm_card_chargeDeclined")
    deployment.ends(result.id, "declined")
    assert standing(deployment, "torn") == []


@pytest.mark.parametrize("fault", ["F08", "F09"])
def test_an_error_that_is_kept_under_the_key_is_not_repeated_but_asked_about(
    deployment: Deployment, fault: str
) -> None:
    deployment.sandbox.fault(fault, times=1, match={"path_prefix": "/v1/payment_intents"})
    result = pay("kept", "pm_card_visa")
    deployment.ends(result.id, "succeeded" if fault == "F09" else "dead")
    sends = [event for event in requests_at(deployment.sandbox) if event["method"] == "POST"]
    assert len(sends) == 1  # no second send, and no new key made for money by itself
    assert deployment.row("effect", result.id) == ("done" if fault == "F09" else "unknown")
    assert len(standing(deployment, "kept")) == (1 if fault == "F09" else 0)


def test_reserve_capture_and_refund(deployment: Deployment) -> None:
    reserved = pay("reserve", "pm_card_visa", capture=False)
    deployment.ends(reserved.id)
    payment = reserved.get(timeout=60)["reference"]
    captured = capture_payment.delay(payment=payment, amount=4000)
    deployment.ends(captured.id)
    refunds = [refund_payment.delay(refund_id=name, payment=payment, amount=1000) for name in ("r-1", "r-2", "r-1")]
    for refund in refunds:
        deployment.ends(refund.id)
    made = [effect for effect in deployment.sandbox.effects() if effect["effect"] == "refund"]
    assert sorted(effect["metadata"]["refund_id"] for effect in made) == ["r-1", "r-2"]
    assert len([one for one in deployment.sandbox.effects() if one["effect"] == "capture"]) == 1


def test_a_capture_whose_answer_is_lost_is_made_once(deployment: Deployment) -> None:
    reserved = pay("twice", "pm_card_visa", capture=False)
    deployment.ends(reserved.id)
    deployment.sandbox.fault("F09", times=1, match={"path_prefix": "/v1/payment_intents"})
    captured = capture_payment.delay(payment=reserved.get(timeout=60)["reference"])
    deployment.ends(captured.id)
    assert len([one for one in deployment.sandbox.effects() if one["effect"] == "capture"]) == 1


def test_a_page_gets_its_intent_and_the_secret_that_it_needs(deployment: Deployment) -> None:
    started = start_payment.delay(order_id="page", amount=4200, currency="gbp", customer="cus_demo1")
    made = create_customer.delay(customer_id="c-1", email="jo@customer.example", name="Jo")
    told = started.get(timeout=PATIENCE)
    assert told["result"]["client_secret"].startswith(told["reference"])
    assert made.get(timeout=PATIENCE)["reference"].startswith("cus_")
    ((effect, reference),) = standing(deployment, "page")
    assert (effect, reference) == ("intent", told["reference"])
