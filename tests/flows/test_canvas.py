"""Chains, groups and chords of operations that had to wait in between: every payment's first attempt is refused."""

import uuid
from collections.abc import Iterator
from typing import Any

import pytest
from celery import chain, chord, group
from celery.exceptions import ChordError
from celery.result import AsyncResult
from given.deployment import PATIENCE, Deployment, eventually
from given.orders import charges, order, park_first_attempts
from given.shop import alarm, break_down, hand_over, note, references, third_time, wrote

from ledger import chords
from operations.errors import Declined
from tasks.payments import capture_payment, refund_payment, take_payment


@pytest.fixture(autouse=True)
def _park(shop: Deployment) -> Iterator[None]:
    park_first_attempts(shop)
    yield
    shop.sandbox.control("DELETE", "/faults")


def pay(name: str, **more: Any) -> Any:
    return take_payment.si(**order(name, **more))


def test_a_chain_goes_on_after_each_step_that_had_to_wait(shop: Deployment) -> None:
    reserved = take_payment.s(**order("c1", capture=False))
    result = chain(reserved, capture_payment.s(), note.s("c1"), pay("c1-next"), note.s("c1-next")).delay()
    told = result.get(timeout=PATIENCE)
    assert [told["reference"]] == charges(shop, "c1-next")
    assert [one["state"] for one in (*wrote("c1"), *wrote("c1-next"))] == ["succeeded", "succeeded"]
    waited = "attempts a JOIN lockgate.operations o ON o.id = a.operation_id WHERE o.business_key = 'order:c1:payment'"
    assert shop.count(waited) == 2


def test_a_group_tells_of_each_member(shop: Deployment) -> None:
    result = group(pay("c2-a"), pay("c2-b"), pay("c2-c")).delay()
    told = result.get(timeout=PATIENCE)
    assert [one["reference"] for one in told] == [charges(shop, name)[0] for name in ("c2-a", "c2-b", "c2-c")]
    assert result.successful()


def test_a_chord_runs_its_body_once_when_all_members_have_ended(shop: Deployment) -> None:
    result = chord([pay("c3-a"), pay("c3-b"), pay("c3-c")], references.s()).delay()
    told = result.get(timeout=PATIENCE)
    assert told == [charges(shop, name)[0] for name in ("c3-a", "c3-b", "c3-c")]
    assert [line for line in wrote("references") if line == told] == [told]


def test_chords_and_chains_inside_each_other(shop: Deployment) -> None:
    inner = chain(pay("c4-a"), note.s("c4-inner"))
    result = chain(group(inner, pay("c4-b")), references.s(), note.s("c4"), group(pay("c4-c"), pay("c4-d"))).delay()
    told = result.get(timeout=PATIENCE)
    assert [one["reference"] for one in told] == [charges(shop, name)[0] for name in ("c4-c", "c4-d")]
    assert wrote("c4") == [[charges(shop, "c4-a")[0], charges(shop, "c4-b")[0]]]


def test_a_declined_step_ends_the_chain_and_calls_its_errback(shop: Deployment) -> None:
    declined = pay("c5", payment_method="pm_card_chargeDeclined")
    result = chain(declined, pay("c5-after")).apply_async(link_error=alarm.s("c5"))
    with pytest.raises(Declined):
        result.get(timeout=PATIENCE)
    eventually(lambda: wrote("c5"))
    assert charges(shop, "c5-after") == []


@pytest.mark.usefixtures("shop")
def test_a_declined_member_fails_the_chord_with_its_name() -> None:
    declined = pay("c6", payment_method="pm_card_chargeDeclined")
    result = chord([declined, pay("c6-b")], references.s().on_error(alarm.s("c6"))).delay()
    with pytest.raises(Declined, match="generic_decline"):
        result.get(timeout=PATIENCE)
    with pytest.raises(ChordError, match="generic_decline"):
        AsyncResult(result.id).get(timeout=PATIENCE)
    assert eventually(lambda: wrote("c6")) == [result.id]


def test_plain_tasks_retry_and_are_replaced_as_ever(shop: Deployment) -> None:
    assert third_time.delay("c7").get(timeout=PATIENCE) == 2
    assert wrote("c7") == [0, 1, 2]
    told = chain(hand_over.si(order("c8")), note.s("c8")).delay().get(timeout=PATIENCE)
    assert [told["reference"]] == charges(shop, "c8")
    assert wrote("c8") == [told]


def test_a_plain_task_that_raises_tells_celerys_story(shop: Deployment) -> None:
    result = break_down.apply_async(link_error=alarm.s("c9"))
    with pytest.raises(ValueError, match="the shop is closed"):
        result.get(timeout=PATIENCE)
    assert "break_down" in str(result.traceback)
    assert eventually(lambda: wrote("c9")) == [result.id]
    assert shop.row("reason, effect", result.id) == ("raised", "none")


def test_a_step_that_cannot_be_accepted_is_a_dead_letter_and_its_predecessor_stays_a_success(shop: Deployment) -> None:
    refund = refund_payment.s(refund_id="c10")  # takes nothing from the step before
    result = chain(pay("c10"), refund).delay()
    assert result.parent is not None
    assert result.parent.get(timeout=PATIENCE)["state"] == "succeeded"
    eventually(lambda: shop.count(f"tickets WHERE id = '{result.id}'") == 1)
    assert eventually(lambda: shop.state_of(result.id) == "dead" and shop.row("reason", result.id)) == "refused"
    assert result.parent.state == "SUCCESS"


def test_a_body_that_cannot_be_accepted_is_a_dead_letter_too(shop: Deployment) -> None:
    body = refund_payment.s(refund_id="c11")  # takes no list of results
    result = chord([pay("c11-1"), pay("c11-2")], body).delay()
    assert eventually(lambda: shop.count(f"tickets WHERE id = '{result.id}'") == 1)
    assert shop.row("state, reason, effect", result.id) == ("dead", "refused", "none")
    assert shop.count(f"dead_letters d JOIN lockgate.tickets t USING (operation_id) WHERE t.id = '{result.id}'") == 1


def test_a_chord_whose_body_could_not_be_sent_is_not_noted_as_done(shop: Deployment) -> None:
    backend, group = take_payment.app.backend, str(uuid.uuid4())

    def die() -> None:
        raise RuntimeError("killed")

    with shop.platform.ledger.transaction() as connection:
        chords.set_size(connection, group, 1)
    with pytest.raises(RuntimeError):
        backend._release(group, die)
    assert shop.count(f"chords WHERE id = '{group}' AND released_at IS NULL") == 1
