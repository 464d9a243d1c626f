"""A deployment with a past: work that went well, and dead letters of several sorts."""

from typing import Any

from given.deployment import Deployment, eventually
from given.orders import order

from tasks.mail import send_email
from tasks.payments import take_payment

PAYMENTS = {"method": "POST", "path_prefix": "/v1/payment_intents"}
LOOKUPS = {"method": "GET", "path_prefix": "/v1/payment_intents"}
MAILS = {"method": "POST", "path_prefix": "/email"}


def paid(deployment: Deployment, name: str) -> Any:
    """One payment that went well."""
    made = take_payment.delay(**order(name))
    deployment.ends(made.id)
    return made


def refused(deployment: Deployment, *names: str) -> list[int]:
    """Payments that were refused for want of a permission; the numbers of their dead letters."""
    fault = deployment.sandbox.fault("F19", form="scope", match=PAYMENTS)
    made = [take_payment.delay(**order(name)) for name in names]
    for each in made:
        deployment.ends(each.id, "dead")
    deployment.sandbox.control("DELETE", f"/faults/{fault['id']}")
    return [letter_of(deployment, each.id) for each in made]


def doubtful(deployment: Deployment, name: str) -> int:
    """A payment that was made, answered with a frozen 500, and that no look-up showed; look-ups show it from now on."""
    blind = deployment.sandbox.fault("F24", form="absent", match=LOOKUPS)
    deployment.sandbox.fault("F09", times=1, match=PAYMENTS)
    made = take_payment.delay(**order(name))
    deployment.ends(made.id, "dead")
    deployment.sandbox.control("DELETE", f"/faults/{blind['id']}")
    return letter_of(deployment, made.id)


def mailed(deployment: Deployment, number: int) -> None:
    """So many mails that went out."""
    made = [
        send_email.delay(mail_id=f"m-{at}", sender="shop@example.com", to="ada@example.com", subject="Yes", text="Yes")
        for at in range(number)
    ]
    eventually(lambda: all(deployment.state_of(each.id) == "succeeded" for each in made))


def letter_of(deployment: Deployment, ticket: str) -> int:
    """The number of an operation's newest dead letter."""
    found: int = deployment.row("(SELECT max(d.id) FROM lockgate.dead_letters d WHERE d.operation_id = o.id)", ticket)
    return found
