"""What a provider saw, by its own journal and clock; and orders in bulk."""

from bisect import bisect_left
from collections.abc import Sequence
from typing import Any

from given.deployment import Deployment, Sandbox

from tasks.payments import take_payment

PAYMENT = {"amount": 4200, "currency": "gbp", "customer": "cus_demo1", "payment_method": "pm_card_visa"}


def pay_many(prefix: str, count: int, **more: Any) -> list[Any]:
    """Accept so many payments at once."""
    orders = [{"order_id": f"{prefix}-{number}", **PAYMENT, **more} for number in range(count)]
    accepted = take_payment.accept_many(orders)
    assert {one.answer for one in accepted} == {"accepted"}
    return [one.result for one in accepted]


def requests_at(sandbox: Sandbox, provider: str = "stripe", **about: Any) -> list[dict[str, Any]]:
    """The requests that a provider met, with those of their facts."""
    return [
        event for event in sandbox.events("request")
        if event["provider"] == provider and all(event.get(name) == value for name, value in about.items())
    ]  # fmt: skip


def most_in_a_window(times: Sequence[float], window: float) -> int:
    """The most calls that any window of so many seconds holds, wherever it begins."""
    ordered = sorted(times)
    return max((bisect_left(ordered, start + window) - at for at, start in enumerate(ordered)), default=0)


def ended_well(deployment: Deployment) -> int:
    """How many operations have succeeded."""
    return deployment.count("operations WHERE state = 'succeeded'")
