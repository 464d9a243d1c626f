"""What the demo's business wants: an endless, seeded list of operations, some of which will be refused."""

import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from demo.surroundings import TENANTS

_DECLINING = (
    "pm_card_chargeDeclined", "pm_card_chargeDeclinedInsufficientFunds", "pm_card_chargeDeclinedExpiredCard",
    "pm_card_authenticationRequired",
)  # fmt: skip
_PAYING = ("pm_card_visa", "pm_card_mastercard", "pm_card_amex")
#: What is wanted, and how often.
MIX = {
    "payment": 44, "mail": 20, "customer": 12, "intent": 8, "reserve and capture": 7, "customer and mail": 5, "refund": 4,
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Intent:
    """One thing wanted.

    Attributes:
        what: a key of `MIX`.
        name: the caller's own id, unique over all runs.
        fields: the arguments of the first step.
        then: the arguments of the second, in a chain.
    """

    what: str
    name: str
    tenant: str
    fields: dict[str, Any]
    then: dict[str, Any] = field(default_factory=dict)


def wanted(run: str, seed: int) -> Iterator[Intent]:
    """Yield what is wanted, for ever; the same for the same seed.

    Args:
        run: goes into every id, so that runs do not meet.
        seed: of the choices.
    """
    rng = random.Random(seed)  # noqa: S311  it must replay
    number = 0
    while True:
        number += 1
        what = rng.choices(list(MIX), weights=list(MIX.values()))[0]
        name, tenant = f"{run}-{number}", rng.choice(TENANTS)
        yield Intent(what, name, tenant, _fields(what, name, rng), _then(what, name))


def _fields(what: str, name: str, rng: random.Random) -> dict[str, Any]:
    match what:
        case "payment":
            return _payment(name, rng, _method(rng))
        case "reserve and capture":
            return _payment(name, rng, rng.choice(_PAYING)) | {"capture": False}
        case "mail":
            inactive = rng.random() < 0.05  # noqa: PLR2004
            return _mail(name, "gone@inactive.example" if inactive else "ada@example.com")
        case "intent":
            return {"order_id": name, "amount": rng.randrange(100, 90_000), "currency": "gbp"}
        case "customer" | "customer and mail":
            return {"customer_id": name, "email": "ada@example.com", "name": "Ada"}
        case _:
            return {"refund_id": name}  # of a payment that the caller has heard of


def _then(what: str, name: str) -> dict[str, Any]:
    return _mail(name, "ada@example.com") if what == "customer and mail" else {}


def _payment(name: str, rng: random.Random, method: str) -> dict[str, Any]:
    return {
        "order_id": name, "amount": rng.randrange(100, 90_000), "currency": rng.choice(("gbp", "eur")),
        "customer": f"cus_demo{rng.randrange(50)}", "payment_method": method,
    }  # fmt: skip


def _method(rng: random.Random) -> str:
    dice = rng.random()
    if dice < 0.12:  # noqa: PLR2004
        return rng.choice(_DECLINING)
    if dice < 0.15:  # noqa: PLR2004
        return "pm_processing"
    return "pm_mistyped" if dice < 0.17 else rng.choice(_PAYING)  # noqa: PLR2004


def _mail(name: str, to: str) -> dict[str, Any]:
    return {
        "mail_id": name, "sender": "shop@example.com", "to": to, "subject": "Your order", "text": f"Thank you for {name}.",
    }  # fmt: skip
