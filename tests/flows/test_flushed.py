"""Redis forgets everything between every two steps of a chain, a chord, a link and an errback: it costs time."""

from typing import Any

import pytest
from celery import chain, chord
from given import forgetful
from given.deployment import PATIENCE, Deployment, eventually
from given.orders import calls, charges, order
from given.shop import alarm, note, references, wrote

from operations.errors import Declined
from tasks import publishing, sender
from tasks.payments import take_payment


@pytest.fixture
def forgetting(bare_shop: Deployment, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """Every hint, whoever publishes it, is followed by a FLUSHALL before anybody can take it."""
    for module in (publishing, sender):
        monkeypatch.setattr(module, "post", forgetful.post_and_flush)
    bare_shop.worker(concurrency=4, LOCKGATE_TASKS="given.shop,given.forgetful", FORGETFUL="1")
    return bare_shop


def pay(name: str, **more: Any) -> Any:
    return take_payment.s(**order(name, **more))


def test_a_chain_with_a_link(forgetting: Deployment) -> None:
    result = chain(pay("f1").set(link=note.s("f1-link")), note.s("f1"), take_payment.si(**order("f1-next"))).delay()
    told = result.get(timeout=PATIENCE)
    assert [told["reference"]] == charges(forgetting, "f1-next")
    assert len(eventually(lambda: wrote("f1-link"))) == 1
    assert len(wrote("f1")) == 1
    assert calls(forgetting) == 2


def test_a_chord(forgetting: Deployment) -> None:
    result = chord([pay("f2-a"), pay("f2-b")], references.s()).delay()
    told = result.get(timeout=PATIENCE)
    assert told == [charges(forgetting, "f2-a")[0], charges(forgetting, "f2-b")[0]]
    assert wrote("references") == [told]
    assert calls(forgetting) == 2


@pytest.mark.usefixtures("forgetting")
def test_an_errback() -> None:
    declined = order("f3", payment_method="pm_card_chargeDeclined")
    result = take_payment.apply_async(kwargs=declined, link_error=alarm.s("f3"))
    with pytest.raises(Declined):
        result.get(timeout=PATIENCE)
    assert eventually(lambda: wrote("f3")) == [result.id]
