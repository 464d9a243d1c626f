"""What the callers of an earlier generation are told after the next one was opened."""

import pytest
from given.deployment import PATIENCE, Deployment

from operations.errors import Declined
from tasks.payments import take_payment


def test_who_asked_for_a_declined_generation_is_still_told_that_it_was_declined(deployment: Deployment) -> None:
    deployment.worker()
    order = {"order_id": "again-1", "amount": 4200, "currency": "gbp", "customer": "cus_demo1"}
    first = take_payment.delay(**order, payment_method="pm_card_chargeDeclined")
    with pytest.raises(Declined, match="generic_decline") as declined:
        first.get(timeout=PATIENCE)
    second = take_payment.again(after=declined.value.operation_id, **order, payment_method="pm_card_visa")
    assert second.get(timeout=PATIENCE)["state"] == "succeeded"
    assert deployment.state_of(first.id) == "superseded"
    with pytest.raises(Declined, match="generic_decline"):
        take_payment.AsyncResult(first.id).get(timeout=PATIENCE)
