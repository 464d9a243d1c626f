"""The options of `.apply_async` keep their Celery meaning."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import redis
from celery.exceptions import QueueNotFound
from given.deployment import PATIENCE, Deployment, eventually
from given.orders import charges, order
from given.shop import alarm, note, siren, wrote

from operations.errors import DeadLettered, Declined
from tasks.mail import send_email
from tasks.payments import take_payment


def mail(name: str) -> dict[str, Any]:
    return {"mail_id": name, "sender": "shop@example.com", "to": "you@example.com", "subject": "Hello", "text": "Hello"}


def first_call_at(shop: Deployment, ticket_id: str) -> datetime:
    with shop.platform.ledger.connection() as connection:
        row = connection.execute(
            "SELECT min(a.started_at) FROM lockgate.attempts a JOIN lockgate.tickets t USING (operation_id) WHERE t.id = %s",
            [ticket_id],
        ).fetchone()
    assert row is not None
    found: datetime = row[0]
    return found


@pytest.mark.parametrize("later", [{"countdown": 2}, {"eta": timedelta(seconds=2)}])
def test_a_countdown_or_an_eta_is_a_due_time_in_the_row(shop: Deployment, later: dict[str, Any]) -> None:
    name = f"o1-{next(iter(later))}"
    asked = datetime.now(UTC)
    options = {"eta": asked + later["eta"]} if "eta" in later else later
    result = take_payment.apply_async(kwargs=order(name), **options)
    due_at = shop.row("due_at", result.id)
    assert due_at >= asked + timedelta(seconds=1.9)
    result.get(timeout=PATIENCE)
    assert first_call_at(shop, result.id) >= due_at
    assert len(charges(shop, name)) == 1


def test_what_expired_before_it_was_sent_is_dead_without_effect(shop: Deployment) -> None:
    result = take_payment.apply_async(kwargs=order("o2"), countdown=60, expires=1)
    with pytest.raises(DeadLettered, match="expired"):
        result.get(timeout=PATIENCE)
    assert shop.row("state, reason, effect", result.id) == ("dead", "expired", "none")
    assert charges(shop, "o2") == []


def test_a_link_gets_the_result_even_if_the_operation_had_to_wait(shop: Deployment) -> None:
    shop.sandbox.fault("F11", form="seconds", times=1, params={"retry_after": "1"})
    result = take_payment.apply_async(kwargs=order("o3"), link=note.s("o3"))
    told = result.get(timeout=PATIENCE)
    assert eventually(lambda: wrote("o3")) == [told]


@pytest.mark.usefixtures("shop")
@pytest.mark.parametrize("number", range(2))
def test_errbacks_of_both_forms_run_after_a_decline(number: int) -> None:
    fields = order(f"o4-{number}", payment_method="pm_card_chargeDeclined")
    link_error = [alarm.s(f"o4-{number}"), siren.s()]
    result = take_payment.apply_async(kwargs=fields, link_error=link_error)
    with pytest.raises(Declined):
        result.get(timeout=PATIENCE)
    assert eventually(lambda: wrote(f"o4-{number}")) == [result.id]
    eventually(lambda: any(who == result.id and "generic_decline" in why for who, why in wrote("siren")))


def test_an_integration_task_can_be_a_link_and_an_errback(shop: Deployment) -> None:
    paid = take_payment.apply_async(kwargs=order("o5"), link=send_email.si(**mail("o5-receipt")))
    refused = take_payment.apply_async(
        kwargs=order("o5-no", payment_method="pm_card_chargeDeclined"), link_error=send_email.si(**mail("o5-sorry"))
    )
    paid.get(timeout=PATIENCE)
    with pytest.raises(Declined):
        refused.get(timeout=PATIENCE)
    sent = "operations WHERE business_key IN ('mail:o5-receipt', 'mail:o5-sorry') AND state = 'succeeded'"
    eventually(lambda: shop.count(sent) == 2)


def test_a_queue_and_a_priority_are_kept_for_every_hint(shop: Deployment) -> None:
    result = take_payment.apply_async(kwargs=order("o6"), queue="lockgate", priority=9, countdown=60)
    with shop.platform.ledger.connection() as connection:
        row = connection.execute(
            "SELECT l.queue, l.priority FROM lockgate.operations o JOIN lockgate.lanes l ON l.id = o.lane_id "
            "JOIN lockgate.tickets t ON t.operation_id = o.id WHERE t.id = %s", [result.id],
        ).fetchone()  # fmt: skip
    assert row == ("lockgate", 9)
    urgent = take_payment.apply_async(kwargs=order("o6-now"), queue="lockgate", priority=9)
    assert urgent.get(timeout=PATIENCE)["state"] == "succeeded"


def test_a_queue_that_nobody_declared_is_an_error_and_nothing_is_stored(shop: Deployment) -> None:
    stored = shop.count("operations")
    with pytest.raises(QueueNotFound, match="strype"):
        take_payment.apply_async(kwargs=order("o7"), queue="strype")
    assert shop.count("operations") == stored
    with redis.Redis.from_url(shop.valkey.url) as client:
        assert not client.exists("strype")


def test_revoked_before_it_starts_is_dead_without_effect(shop: Deployment) -> None:
    result = take_payment.apply_async(kwargs=order("o8"), countdown=60)
    result.revoke()
    with pytest.raises(DeadLettered, match="revoked"):
        result.get(timeout=PATIENCE)
    assert shop.row("state, reason, effect", result.id) == ("dead", "revoked", "none")
    assert charges(shop, "o8") == []


def test_revoked_while_it_may_have_happened_is_confirmed_first(shop: Deployment) -> None:
    shop.sandbox.fault("F04", variant="after", times=1, match={"path_prefix": "/v1/payment_intents"})
    result = take_payment.delay(**order("o9"))
    eventually(lambda: charges(shop, "o9"))
    result.revoke(terminate=True)
    told = result.get(timeout=PATIENCE)
    assert [told["reference"]] == charges(shop, "o9")


@pytest.mark.usefixtures("shop")
def test_a_repeated_callers_revoke_takes_nothing_from_the_first() -> None:
    first = take_payment.apply_async(kwargs=order("o10"), countdown=2)
    second = take_payment.apply_async(kwargs=order("o10"), countdown=2)
    second.revoke()
    assert first.get(timeout=PATIENCE)["state"] == "succeeded"
