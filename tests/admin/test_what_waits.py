"""What waits behind a dead letter goes on when a person has decided, and not before."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from celery import chord
from given.console import Console
from given.deployment import PATIENCE, Deployment, eventually
from given.shop import alarm, note, references, wrote
from given.till import count

from operations.errors import DeadLettered
from tasks.payments import take_payment

BECAUSE = ("--because", "looked at the provider's dashboard")
PAYMENTS = {"method": "POST", "path_prefix": "/v1/payment_intents"}


@pytest.fixture
def shop(deploy: Callable[..., Deployment], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Deployment:
    """An application with tasks of its own, and one worker."""
    own = {
        "LOCKGATE_TASKS": "given.shop,given.till",
        "PYTHONPATH": str(Path(__file__).parent.parent),
        "SHOP_DIARY": str(tmp_path / "diary.jsonl"),
        "TILL_DRAWER": str(tmp_path / "drawer"),
    }
    for name in ("SHOP_DIARY", "TILL_DRAWER"):
        monkeypatch.setenv(name, own[name])
    deployment: Deployment = deploy(own)
    deployment.worker()
    return deployment


@pytest.fixture
def console(shop: Deployment) -> Console:
    return Console(shop.environment | {"LOCKGATE_ACTOR": "ann"})


def pay(order: str, **options: Any) -> Any:
    fields = {"amount": 4200, "currency": "gbp", "customer": "cus_demo1", "payment_method": "pm_card_visa"}
    return take_payment.s(order_id=order, **fields).set(**options)


def doubt(shop: Deployment) -> None:
    """The next payment is taken, answered with a frozen 500, and not shown by any look-up."""
    shop.sandbox.fault("F24", form="absent", match={"method": "GET", "path_prefix": "/v1/payment_intents"})
    shop.sandbox.fault("F09", times=1, match=PAYMENTS)


def test_a_chord_counts_the_member_that_a_person_resolved(shop: Deployment, console: Console) -> None:
    doubt(shop)
    body = chord([pay("5001"), pay("5002")])(references.s())
    eventually(lambda: shop.count("dead_letters WHERE status = 'open'") == 1)
    eventually(lambda: shop.count("operations WHERE state = 'succeeded' AND provider = 'stripe'") == 1)
    assert wrote("references") == []

    (letter,) = console.json("deadletter", "list")
    order = letter["business_key"].split(":")[1]
    (charge,) = [one for one in shop.sandbox.effects() if one["metadata"].get("order_id") == order]
    told = ("--as", "succeeded", "--reference", charge["reference"], *BECAUSE)
    assert console.run("deadletter", "resolve", letter["id"], *told).code == 0
    assert charge["reference"] in body.get(timeout=PATIENCE)
    assert len(wrote("references")) == 1


def test_an_errback_runs_when_the_letter_is_discarded_and_not_before(shop: Deployment, console: Console) -> None:
    doubt(shop)
    result = pay("5003", link_error=[alarm.s("d1")]).apply_async()
    shop.ends(result.id, "dead")
    assert wrote("d1") == []
    assert console.run("deadletter", "discard", "dl_1", *BECAUSE).code == 0
    eventually(lambda: wrote("d1") == [result.id])
    with pytest.raises(DeadLettered, match="effect at the provider: unknown"):
        result.get(timeout=PATIENCE)


def test_a_link_runs_after_a_requeue_that_succeeded(shop: Deployment, console: Console) -> None:
    shop.sandbox.fault("F19", form="scope", times=1, match=PAYMENTS)
    result = pay("5004", link=[note.s("paid")]).apply_async()
    shop.ends(result.id, "dead")
    assert wrote("paid") == []
    assert console.run("deadletter", "requeue", "dl_1", *BECAUSE).code == 0
    assert result.get(timeout=PATIENCE)["state"] == "succeeded"
    eventually(lambda: [told["id"] for told in wrote("paid")] == [str(shop.row("o.id", result.id))])


def test_a_plain_task_is_requeued_once_what_it_raised_is_mended(shop: Deployment, console: Console) -> None:
    result = count.delay()
    with pytest.raises(RuntimeError, match="the till is shut"):
        result.get(timeout=PATIENCE)
    page = console.run("deadletter", "show", "dl_1")
    assert page.out.strip().splitlines()[-1] == 'Next: lockgate deadletter requeue dl_1 --because "…"'
    resolved = console.run("deadletter", "resolve", "dl_1", "--as", "none", *BECAUSE)
    assert (resolved.code, "requeue or discard it" in resolved.err) == (1, True)

    Path(shop.environment["TILL_DRAWER"]).touch()
    assert console.run("deadletter", "requeue", "dl_1", *BECAUSE).code == 0
    shop.ends(result.id)
    assert count.AsyncResult(result.id).get(timeout=PATIENCE) == "42.00"
