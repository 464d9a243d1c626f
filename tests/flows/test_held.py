"""A member of a chord that became a dead letter holds the chord until a person has decided, or the time for it is over."""

from typing import Any

import pytest
from celery import chord
from celery.exceptions import ChordError
from celery.result import AsyncResult
from given.deployment import PATIENCE, Deployment, eventually
from given.orders import order
from given.shop import alarm, references, wrote

from operations.errors import DeadLettered
from tasks.payments import take_payment


def held_chord(shop: Deployment, name: str) -> tuple[Any, Any]:
    """A chord of two payments, of which the provider refuses one for good; its result, and that member's."""
    where = {"path_prefix": "/v1/payment_intents"}
    shop.sandbox.fault("F21", times=1, match=where)
    members = [take_payment.si(**order(f"{name}-{number}")) for number in range(2)]
    result = chord(members, references.s().on_error(alarm.s(name))).delay()
    dead = eventually(lambda: [one for one in result.parent.results if shop.state_of(one.id) == "dead"])
    return result, dead[0]


def test_the_chord_waits_and_says_why(shop: Deployment) -> None:
    result, dead = held_chord(shop, "h1")
    other = next(one for one in result.parent.results if one.id != dead.id)
    assert other.get(timeout=PATIENCE)["state"] == "succeeded"
    assert dead.state == "RETRY"
    assert "DEAD_LETTER" in str(dead.info)
    assert result.state == "PENDING"
    assert wrote("references") == wrote("h1") == []


def test_when_the_time_to_decide_is_over_the_chord_fails_and_says_with_what_effect(shop: Deployment) -> None:
    result, dead = held_chord(shop, "h2")
    with shop.platform.ledger.connection() as connection:  # a week passes
        connection.execute("UPDATE lockgate.dead_letters SET decide_by = decide_by - interval '7 days'")
        connection.execute(
            "UPDATE lockgate.tickets SET follow_at = follow_at - interval '7 days' WHERE id = %s", [dead.id]
        )
    with pytest.raises(DeadLettered, match="effect at the provider: none"):
        result.get(timeout=PATIENCE)
    with pytest.raises(ChordError):
        AsyncResult(result.id).get(timeout=PATIENCE)
    assert dead.state == "FAILURE"
    assert eventually(lambda: wrote("h2")) == [result.id]


def test_a_single_operation_is_not_held(shop: Deployment) -> None:
    shop.sandbox.fault("F21", times=1, match={"path_prefix": "/v1/payment_intents"})
    with pytest.raises(DeadLettered, match="effect at the provider: none"):
        take_payment.delay(**order("h3")).get(timeout=PATIENCE)


def test_the_chord_goes_on_with_the_next_generation_of_the_one_that_held_it(shop: Deployment) -> None:
    result, dead = held_chord(shop, "h4")
    name = shop.row("business_key", dead.id).split(":")[1]
    take_payment.again(after=str(shop.row("o.id", dead.id)), **order(name, amount=4300))
    assert len(result.get(timeout=PATIENCE)) == 2


def test_what_waits_for_a_refusal_hears_of_it_although_the_next_generation_was_opened_first(
    bare_shop: Deployment,
) -> None:
    """Its worker died before it told; the application looked, and went on at once."""
    shop = bare_shop
    result = take_payment.apply_async(
        kwargs=order("h5", payment_method="pm_card_chargeDeclined"), link_error=alarm.s("h5")
    )
    with shop.platform.ledger.connection() as connection:
        connection.execute(
            "UPDATE lockgate.operations SET state = 'declined', code = 'card_declined', ended_at = statement_timestamp()"
        )
    take_payment.again(after=str(shop.row("o.id", result.id)), **order("h5"))
    shop.worker()
    assert eventually(lambda: wrote("h5")) == [result.id]
