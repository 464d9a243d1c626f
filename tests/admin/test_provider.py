"""A person holds the way to a provider shut or open; the order is a row, and outlives Redis."""

from typing import Any

import redis
from given.console import Console
from given.deployment import Deployment, eventually
from given.nowhere import NOWHERE

from tasks.payments import take_payment

BECAUSE = ("--because", "they have an incident")


def pay(order: str) -> Any:
    return take_payment.delay(
        order_id=order, amount=4200, currency="gbp", customer="cus_demo1", payment_method="pm_card_visa"
    )


def sent(deployment: Deployment) -> list[Any]:
    return [event for event in deployment.sandbox.events("request") if event["method"] == "POST"]


def waiting(console: Console) -> list[str]:
    (stripe,) = console.json("provider", "status", "stripe")
    return [lane["why"] for lane in stripe["waiting"]]


def test_a_breaker_that_a_person_holds_open_outlives_redis(deployment: Deployment, console: Console) -> None:
    deployment.worker()
    assert console.json("provider", "breaker", "open", "stripe", *BECAUSE) == {"provider": "stripe", "held": "open"}
    result = pay("4001")
    eventually(lambda: waiting(console) == ["breaker"])
    with redis.Redis.from_url(deployment.valkey.url) as client:
        client.flushall()
    eventually(lambda: console.json("provider", "status", "stripe")[0]["fleet"]["breaker"] == "open")
    page = console.run("provider", "status", "stripe")
    assert "open, by ann since" in page.out
    assert "they have an incident" in page.out
    assert sent(deployment) == []
    assert deployment.row("failures, state", result.id) == (0, "waiting")

    assert console.run("provider", "breaker", "release", "stripe", "--because", "it is over").code == 0
    deployment.ends(result.id)
    audited = deployment.platform.ledger
    with audited.connection() as connection:
        rows = connection.execute("SELECT action, actor, before, after FROM lockgate.audit ORDER BY id").fetchall()
    assert rows == [
        ("breaker open", "ann", {"held": ""}, {"held": "open"}),
        ("breaker release", "ann", {"held": "open", "by": "ann", "because": "they have an incident"}, {"held": ""}),
    ]


def test_an_order_is_taken_while_redis_is_away(deployment: Deployment, console: Console) -> None:
    away = {"LOCKGATE_REDIS_URL": f"redis://{NOWHERE}/0"}
    said = console.run("provider", "breaker", "open", "stripe", *BECAUSE, **away)
    assert (said.code, "sweep tells it" in said.err) == (0, True)
    deployment.worker()
    eventually(lambda: console.json("provider", "status", "stripe")[0]["fleet"]["breaker"] == "open")
    status = console.run("provider", "status", "--json", **away)
    assert status.code == 1
    assert {one["provider"]: one["fleet"] for one in status.json} == {"stripe": None, "postmark": None}


def test_paused_work_waits_and_its_deadline_with_it(deployment: Deployment, console: Console) -> None:
    deployment.worker()
    assert console.run("provider", "pause", "stripe", "--kind", "take_payment", *BECAUSE).code == 0
    again = console.run("provider", "pause", "stripe", "--kind", "take_payment", *BECAUSE)
    assert (again.code, "is paused already" in again.err) == (1, True)
    result = pay("4002")
    eventually(lambda: waiting(console) == ["paused"])
    deadline = deployment.row("deadline_at", result.id)
    assert sent(deployment) == []
    assert console.run("provider", "resume", "stripe", *BECAUSE).code == 0
    deployment.ends(result.id)
    assert deployment.row("deadline_at", result.id) > deadline
    assert deployment.count("audit WHERE actor = 'ann' AND action IN ('pause', 'resume')") == 2


def test_a_missing_credential_is_told_where_its_work_waits(deployment: Deployment, console: Console) -> None:
    del deployment.environment["LOCKGATE_STRIPE_API_KEY"]
    deployment.worker()
    pay("4003")
    eventually(lambda: waiting(console) == ["paused"])
    (stripe,) = console.json("provider", "status", "stripe")
    (pause,) = stripe["pauses"]
    assert (pause["cause"], "set LOCKGATE_STRIPE_API_KEY" in pause["because"]) == ("connection", True)
