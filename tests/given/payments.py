"""An application that takes payments and sends mails, and what the provider shows of them."""

from typing import Any

from given.deployment import Deployment
from given.orders import order as payment

from tasks.mail import send_email
from tasks.payments import take_payment


def pay(order: str, **more: Any) -> Any:
    """Take one payment."""
    return take_payment.delay(**payment(order, **more))


def mail(mail_id: str, **more: Any) -> Any:
    """Send one mail."""
    fields = {
        "mail_id": mail_id,
        "sender": "shop@example.com",
        "to": "ada@example.com",
        "subject": "Your order",
        "text": "It is on its way.",
    }
    return send_email.delay(**fields | more)


def charges(deployment: Deployment, order: str) -> list[dict[str, Any]]:
    """What stands charged for an order."""
    return [
        effect for effect in deployment.sandbox.effects()
        if effect["effect"] == "charge" and effect["standing"] and effect["metadata"].get("order_id") == order
    ]  # fmt: skip


def mails(deployment: Deployment) -> list[dict[str, Any]]:
    """The mails that went out."""
    return [effect for effect in deployment.sandbox.effects() if effect["effect"] == "email"]


def posts(deployment: Deployment, path: str = "/v1/payment_intents") -> list[dict[str, Any]]:
    """The writes that the provider saw."""
    return [
        event for event in deployment.sandbox.events("request") if event["method"] == "POST" and event["path"] == path
    ]
