"""Orders of a shop, and what became of them at the provider."""

from typing import Any

from given.deployment import Deployment


def order(name: str, **more: Any) -> dict[str, Any]:
    """The arguments of a payment that will succeed."""
    fields = {
        "order_id": name,
        "amount": 4200,
        "currency": "gbp",
        "customer": "cus_demo1",
        "payment_method": "pm_card_visa",
    }
    return fields | more


def charges(deployment: Deployment, name: str) -> list[str]:
    """References of the standing charges for an order."""
    return [
        effect["reference"] for effect in deployment.sandbox.effects()
        if effect["effect"] == "charge" and effect["standing"] and effect["metadata"].get("order_id") == name
    ]  # fmt: skip


def calls(deployment: Deployment) -> int:
    """How many payments the provider was asked for."""
    return sum(
        event["method"] == "POST" and event["path"] == "/v1/payment_intents"
        for event in deployment.sandbox.events("request")
    )


def park_first_attempts(deployment: Deployment) -> None:
    """Every payment's first attempt is refused: with a 503 or, of the later ones, a 429."""
    where = {"provider": "stripe", "path_prefix": "/v1/payment_intents", "nth_attempt": 1}
    deployment.sandbox.fault("F11", form="seconds", match=where, times=2, params={"retry_after": "1"})
    deployment.sandbox.fault("F10", form="503", match=where)
