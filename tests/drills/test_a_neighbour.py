"""A tenant whose provider answers nothing holds a worker's slots; what others have to do is done meanwhile."""

from collections.abc import Callable
from typing import Any

import pytest
from given.deployment import Deployment, eventually
from given.payments import charges, pay
from given.traffic import pay_many, requests_at

Deploy = Callable[..., Deployment]
SLOTS, HUNG, FREE = 4, 80, 12
PLENTY = {"limits": [{"calls": 5000, "per": "1s"}], "traffic__calls_per_minute": 60_000}
#: No call comes to its end by itself while the others are looked at.
LONG = {"call__connect": "30s", "call__read": "300s", "call__total": "300s", "call__lease": "600s"}


def posts(deployment: Deployment, tenant: str) -> list[dict[str, Any]]:
    return requests_at(deployment.sandbox, tenant=tenant, method="POST", path="/v1/payment_intents")


@pytest.mark.parametrize("events", [(), ("-E",)], ids=["in silence", "with events"])
def test_a_tenant_whose_calls_hang_keeps_nobody_else_out(deploy: Deploy, events: tuple[str, ...]) -> None:
    deployment = deploy({"LOCKGATE_STRIPE_API_KEY__ACME": "sk_test_acme"}, **PLENTY, **LONG)
    acme = deployment.sandbox.control("POST", "/tenants", provider="stripe", token="sk_test_acme")["tenant"]
    deployment.worker(*events, concurrency=SLOTS)
    for tenant in ("default", "acme"):
        deployment.ends(pay(f"first-{tenant}", tenant=tenant).id)
    outage = deployment.sandbox.control("POST", "/outage", provider="stripe", mode="hang", tenant=acme)
    hung = pay_many("hung", HUNG, tenant="acme")
    eventually(lambda: len(posts(deployment, acme)) == 1 + SLOTS)
    for result in pay_many("free", FREE):
        deployment.ends(result.id)
    # Not because a call of the other's had come to its end: then this would be about patience.
    assert deployment.count("replies WHERE outcome NOT IN ('succeeded', 'released')") == 0
    assert len(posts(deployment, acme)) == 1 + SLOTS
    deployment.sandbox.control("DELETE", f"/outage/{outage['id']}")
    deployment.sandbox.stop()  # what hangs hears of it at once
    deployment.sandbox.start()
    for result in hung:
        deployment.ends(result.id)
    assert [len(charges(deployment, f"hung-{number}")) for number in range(HUNG)] == [1] * HUNG
