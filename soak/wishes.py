"""What the client wants: an endless, seeded list of operations of all means, some of which will be refused."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

_DECLINING = ("pm_card_chargeDeclined", "pm_card_chargeDeclinedInsufficientFunds", "pm_card_authenticationRequired")
_PAYING = ("pm_card_visa", "pm_card_mastercard", "pm_card_amex")
_DECLINED = 0.08  # of the payments
_PROCESSING = 0.03  # of the payments: the provider answers later
_INACTIVE = 0.05  # of the mails
#: How often each kind is wanted: K, Q, N and X.
MIX = {
    "stripe.take_payment": 32, "stripe.create_customer": 10, "stripe.start_payment": 6, "postmark.send_email": 18,
    "plain.make_thing": 19, "plain.send_ping": 15,
}  # fmt: skip

Fields = Callable[[str, str, random.Random], dict[str, Any]]


@dataclass(frozen=True, slots=True)
class Wish:
    """One thing wanted.

    Attributes:
        name: the client's own; unique in the run.
        fields: the arguments, as the kinds of Lockgate take them.
    """

    number: int
    name: str
    tenant: str
    kind: str
    fields: dict[str, Any]


def wanted(
    seed: int, tenants: Sequence[str], mix: dict[str, int] | None = None, fields: Fields | None = None
) -> Iterator[Wish]:
    """Yield what is wanted, for ever; the same for the same seed.

    Args:
        seed: of the choices.
        tenants: whose.
        mix: how often each kind is wanted.
        fields: makes the arguments for a kind and a name, where not ours are wanted.
    """
    make = fields or _fields
    rng = random.Random(f"{seed}/wishes")
    kinds, weights = zip(*(mix or MIX).items(), strict=True)
    number = 0
    while True:
        number += 1
        kind, tenant = rng.choices(kinds, weights)[0], rng.choice(tenants)
        name = f"s{seed}-{number}"
        yield Wish(number, name, tenant, kind, make(kind, name, rng))


def _fields(kind: str, name: str, rng: random.Random) -> dict[str, Any]:
    amount = rng.randrange(100, 90_000)
    match kind:
        case "stripe.take_payment":
            paid = {"order_id": name, "amount": amount, "currency": rng.choice(("gbp", "eur"))}
            return paid | {"customer": f"cus_demo{rng.randrange(50)}", "payment_method": _method(rng)}
        case "stripe.start_payment":
            return {"order_id": name, "amount": amount, "currency": "gbp"}
        case "stripe.create_customer":
            return {"customer_id": name, "email": "ada@example.com", "name": "Ada"}
        case "postmark.send_email":
            to = "gone@inactive.example" if rng.random() < _INACTIVE else "ada@example.com"
            return {
                "mail_id": name,
                "sender": "shop@example.com",
                "to": to,
                "subject": "Your order",
                "text": f"About {name}.",
            }
        case "plain.make_thing":
            return {"reference": name}
        case _:
            return {"to": name}


def _method(rng: random.Random) -> str:
    dice = rng.random()
    if dice < _DECLINED:
        return rng.choice(_DECLINING)
    return "pm_processing" if dice < _DECLINED + _PROCESSING else rng.choice(_PAYING)
