"""A canvas built twice around the same business key: each caller's own continuation runs, the provider is called once."""

from typing import Any

import pytest
from celery import chain, chord
from given.deployment import PATIENCE, Deployment, eventually
from given.orders import charges, order, park_first_attempts
from given.shop import alarm, note, references, wrote

from operations.errors import Declined
from tasks.payments import take_payment


def pay(name: str, **more: Any) -> Any:
    return take_payment.si(**order(name, **more))


@pytest.mark.parametrize("when", ["before", "after"])
def test_two_chains_around_one_payment_both_go_on(shop: Deployment, when: str) -> None:
    name = f"t1-{when}"
    park_first_attempts(shop)
    first = chain(pay(name), note.s(f"{name}-first")).delay()
    if when == "after":
        first.get(timeout=PATIENCE)
    second = chain(pay(name), note.s(f"{name}-second")).delay()
    told = second.get(timeout=PATIENCE)
    assert told == first.get(timeout=PATIENCE)
    assert wrote(f"{name}-first") == wrote(f"{name}-second") == [told]
    assert [told["reference"]] == charges(shop, name)


@pytest.mark.parametrize("when", ["before", "after"])
def test_two_chords_around_the_same_payments_both_run_their_bodies(shop: Deployment, when: str) -> None:
    members = [f"t2-{when}-{number}" for number in range(3)]
    park_first_attempts(shop)
    first = chord([pay(name) for name in members], references.s()).delay()
    if when == "after":
        first.get(timeout=PATIENCE)
    second = chord([pay(name) for name in members], references.s()).delay()
    told = second.get(timeout=PATIENCE)
    assert told == first.get(timeout=PATIENCE) == [charges(shop, name)[0] for name in members]
    assert [line for line in wrote("references") if line == told] == [told, told]


@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.usefixtures("shop")
def test_two_callers_each_have_their_own_errback(when: str) -> None:
    name = f"t3-{when}"
    declined = order(name, payment_method="pm_card_chargeDeclined")
    first = take_payment.apply_async(kwargs=declined, link_error=alarm.s(f"{name}-first"))
    if when == "after":
        with pytest.raises(Declined):
            first.get(timeout=PATIENCE)
    second = take_payment.apply_async(kwargs=declined, link_error=alarm.s(f"{name}-second"))
    with pytest.raises(Declined):
        second.get(timeout=PATIENCE)
    assert eventually(lambda: wrote(f"{name}-first")) == [first.id]
    assert eventually(lambda: wrote(f"{name}-second")) == [second.id]


def test_the_same_payment_twice_in_one_chord_counts_as_two_members(shop: Deployment) -> None:
    result = chord([pay("t4"), pay("t4")], references.s()).delay()
    assert result.get(timeout=PATIENCE) == charges(shop, "t4") * 2


def test_a_task_id_of_ones_own_sent_twice_is_one_ticket(shop: Deployment) -> None:
    first = note.apply_async(("told", "t5"), task_id="t5-mine")
    again = note.apply_async(("told", "t5"), task_id="t5-mine")
    assert first.get(timeout=PATIENCE) == again.get(timeout=PATIENCE) == "told"
    assert shop.count("tickets WHERE id = 't5-mine'") == 1
    assert wrote("t5") == ["told"]
