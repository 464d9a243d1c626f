"""Every way in which a provider can misbehave, once for a payment and once for a mail: what we say at the end is true."""

from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

from given.deployment import Deployment, eventually
from given.traffic import PAYMENT

from operations import keys
from tasks.mail import send_email
from tasks.payments import take_payment

QUICK = {
    "call__connect": "500ms", "call__read": "1s", "call__total": "1s", "call__lease": "2s", "settle": "1s",
    "breaker__open_for": "500ms", "breaker__open_for_max": "500ms", "retry__ceiling": "2s",
}  # fmt: skip
#: What reaches further than the request that it meets, and has drills of its own: outages, refused credentials, 429s.
ELSEWHERE = {"F01", "F11", "F12", "F19", "F26"}
PARAMS = {"F16": {"bytes": 3_000_000, "lines": 500}, "F17": {"seconds": 0.2}, "F23": {"seconds": 0.3}}


def faults(deployment: Deployment) -> Iterator[dict[str, Any]]:
    for row in deployment.sandbox.control("GET", "/faults/catalogue"):
        if row["fault"] in ELSEWHERE or "POST" not in row["methods"]:
            continue
        for variant in row["variants"]:
            for form in row["forms"] or [None]:
                yield {"fault": row["fault"], "variant": variant} | ({"form": form} if form else {})


def key_of(deployment: Deployment, kind: str, business_key: str) -> str:
    return keys.idempotency_key(
        deployment.platform.ledger.secret, tenant="default", provider=kind.partition(".")[0], kind=kind,
        business_key=business_key, generation=1,
    )  # fmt: skip


def test_whatever_the_provider_does_what_we_say_of_it_is_true(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy(**QUICK)
    asked: dict[str, tuple[str, str, str]] = {}
    for kind, effect in (("stripe.take_payment", "charge"), ("postmark.send_email", "email")):
        for number, fault in enumerate(faults(deployment)):
            name = "-".join(["f", str(number), *map(str, fault.values())]).lower()
            business_key = f"order:{name}:payment" if effect == "charge" else f"mail:{name}"
            key = key_of(deployment, kind, business_key)
            params = {"params": PARAMS[fault["fault"]]} if fault["fault"] in PARAMS else {}
            deployment.sandbox.control("POST", "/faults", **fault, **params, times=1, match={"business": key})
            result = pay(name) if effect == "charge" else post(name)
            asked[result.id] = (name, effect, key)
    deployment.worker(concurrency=16)
    eventually(lambda: deployment.count("operations WHERE state NOT IN ('succeeded', 'declined', 'dead')") == 0)
    made = [one for one in deployment.sandbox.effects() if one["standing"]]
    ends: Counter[str] = Counter()
    for ticket, (name, effect, key) in asked.items():
        state, said, reference, code = deployment.row("state, effect, reference, code", ticket)
        mine = [one["reference"] for one in made if one["business"] == key and one["effect"] == effect]
        story = f"{name}: {state}/{said}/{code}, {len(mine)} effects"
        assert len(mine) <= 1, story
        assert state != "succeeded" or mine == [reference], story
        assert said != "none" or not mine, story
        assert said != "done" or mine, story
        ends[f"{effect} {state}/{said}"] += 1
    assert {rule["hits"] for rule in deployment.sandbox.control("GET", "/faults")} == {1}  # each fault was met, once
    assert ends["charge succeeded/done"] > 20, ends
    assert ends["email succeeded/done"] > 15, ends


def pay(name: str) -> Any:
    return take_payment.delay(order_id=name, **PAYMENT)


def post(name: str) -> Any:
    return send_email.delay(
        mail_id=name, sender="shop@merchant.example", to="jo@customer.example", subject="Receipt", text="Thank you."
    )
