"""What a caller holds after `.delay()`: an AsyncResult that tells the truth of the row."""

import pytest
from celery.exceptions import TimeoutError as CeleryTimeoutError
from celery.result import AsyncResult
from given.deployment import PATIENCE, Deployment, eventually
from given.orders import calls, charges, order
from given.shop import slowly

from operations.errors import DeadLettered, Declined, InvalidArgumentsError, NotAllowedError, OperationConflict
from tasks.app import app
from tasks.mail import send_email
from tasks.payments import take_payment


def test_the_result_is_the_operation_with_its_reference(shop: Deployment) -> None:
    result = take_payment.delay(**order("r1"))
    assert isinstance(result, AsyncResult)
    told = result.get(timeout=PATIENCE)
    assert (told["state"], told["effect"], told["reference"]) == ("succeeded", "done", *charges(shop, "r1"))
    assert told["id"] == str(shop.row("o.id", result.id))
    assert result.state == "SUCCESS"
    assert result.successful()


def test_a_second_caller_gets_a_ticket_of_its_own_and_the_same_answer(shop: Deployment) -> None:
    first = take_payment.delay(**order("r2"))
    answer = first.get(timeout=PATIENCE)
    second = take_payment.delay(**order("r2"))
    assert second.id != first.id
    assert second.get(timeout=PATIENCE) == answer
    assert second.state == "SUCCESS"
    assert len(charges(shop, "r2")) == 1


def test_the_same_key_with_other_arguments_is_a_conflict_and_sends_nothing(shop: Deployment) -> None:
    take_payment.delay(**order("r3")).get(timeout=PATIENCE)
    sent = calls(shop)
    with pytest.raises(OperationConflict, match="order:r3:payment"):
        take_payment.delay(**order("r3", amount=1))
    assert calls(shop) == sent


@pytest.mark.usefixtures("shop")
def test_a_decline_is_a_failure_that_says_so() -> None:
    result = take_payment.delay(**order("r4", payment_method="pm_card_chargeDeclined"))
    with pytest.raises(Declined, match="generic_decline"):
        result.get(timeout=PATIENCE)
    assert result.state == "FAILURE"
    assert take_payment.delay(**order("r4", payment_method="pm_card_chargeDeclined")).state == "FAILURE"


def test_after_a_decline_the_next_generation_is_asked_for_by_name(shop: Deployment) -> None:
    declined = take_payment.delay(**order("r5", payment_method="pm_card_chargeDeclined"))
    with pytest.raises(Declined):
        declined.get(timeout=PATIENCE)
    before = str(shop.row("o.id", declined.id))
    paid = take_payment.again(after=before, **order("r5"))
    assert paid.get(timeout=PATIENCE)["reference"] in charges(shop, "r5")
    assert shop.state_of(declined.id) == "superseded"
    with pytest.raises(OperationConflict):
        take_payment.again(after=before, **order("r5", amount=7))


def test_an_operation_that_was_refused_for_good_is_a_dead_letter_without_effect(shop: Deployment) -> None:
    result = take_payment.delay(**order("r6", payment_method="pm_nobody_knows"))
    with pytest.raises((DeadLettered, Declined)):
        result.get(timeout=PATIENCE)
    assert charges(shop, "r6") == []


def test_waiting_is_pending_then_retry_and_a_call_under_way_is_started(shop: Deployment) -> None:
    shop.sandbox.fault("F03", times=1, match={"path_prefix": "/v1/payment_intents"}, params={"seconds": 2})
    result = take_payment.delay(**order("r7"))
    seen = {result.state}
    eventually(lambda: seen.add(result.state) or result.ready(), every=0.01)
    seen.add(result.state)  # it may have ended between those two looks
    assert seen <= {"PENDING", "STARTED", "RETRY", "SUCCESS"}
    assert {"STARTED", "RETRY", "SUCCESS"} <= seen


@pytest.mark.usefixtures("shop")
def test_a_wait_that_is_too_short_ends_with_celerys_own_error() -> None:
    result = slowly.delay("r8", 1.0)
    with pytest.raises(CeleryTimeoutError):
        result.get(timeout=0.1)
    assert result.get(timeout=PATIENCE) == "r8"


def test_eager_modes_are_refused_with_a_sentence_and_store_nothing(shop: Deployment) -> None:
    stored = shop.count("operations")
    with pytest.raises(NotAllowedError, match=r"use \.delay"):
        take_payment.apply(kwargs=order("r9"))
    with pytest.raises(NotAllowedError, match=r"use \.delay"):
        take_payment(**order("r9"))
    app.conf.task_always_eager = True
    try:
        with pytest.raises(NotAllowedError, match="cannot run eagerly"):
            take_payment.delay(**order("r9"))
    finally:
        app.conf.task_always_eager = False
    assert shop.count("operations") == stored


@pytest.mark.parametrize(
    ("wrong", "sentence"),
    [
        ({"amount": 42.0}, "a whole number is needed"),
        ({"amonut": 1}, "amonut: not an argument; it takes order_id"),
        ({"customer": object()}, "customer"),
        ({"tenant": "A Company"}, "tenant 'A Company'"),
        ({"business_key": ""}, "business_key"),
    ],
)
def test_wrong_arguments_are_refused_at_the_door(shop: Deployment, wrong: dict[str, object], sentence: str) -> None:
    stored = shop.count("operations")
    with pytest.raises(InvalidArgumentsError, match=sentence):
        take_payment.delay(**order("r10") | wrong)
    assert shop.count("operations") == stored


def test_arguments_beyond_the_limit_are_refused_at_the_door(shop: Deployment) -> None:
    assert shop.count("operations") > 0
    with pytest.raises(InvalidArgumentsError, match="more than 262,144"):
        send_email.delay(mail_id="r11", sender="a@b.example", to="c@d.example", subject="x", text="x" * 200_000,
                         html="y" * 100_000)  # fmt: skip
