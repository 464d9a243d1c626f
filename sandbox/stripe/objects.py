"""The objects that are kept, as facts; what Stripe shows of them is drawn in `shapes`."""

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import ClassVar

from sandbox.effects import OUR_KEY
from sandbox.journal import Json

Word = tuple[str, str]


@dataclass(frozen=True, slots=True)
class Customer:
    """Somebody to be charged."""

    kind: ClassVar[str] = "customer"
    id: str
    account: str
    tenant: str
    made_at: float
    metadata: dict[str, str] = field(default_factory=dict)
    email: str | None = None
    name: str | None = None
    phone: str | None = None
    description: str | None = None

    def words(self) -> Iterator[Word]:
        """Give what a customer is found by."""
        yield from _metadata_words(self.metadata)
        yield "email", self.email or ""
        yield "name", self.name or ""


@dataclass(frozen=True, slots=True)
class Intent:
    """A payment, from the wish to the money."""

    kind: ClassVar[str] = "payment_intent"
    id: str
    account: str
    tenant: str
    made_at: float
    amount: int
    currency: str
    status: str
    effect: str  # what it counts as: intent, open or charge
    capture_method: str = "automatic"
    metadata: dict[str, str] = field(default_factory=dict)
    customer: str | None = None
    payment_method: str | None = None
    description: str | None = None
    receipt_email: str | None = None
    setup_future_usage: str | None = None
    charge: str | None = None
    received: int = 0
    capturable: int = 0
    error: Json | None = None
    canceled_at: float | None = None
    cancellation_reason: str | None = None
    ripens_at: float | None = None
    ripens_to: str | None = None

    @property
    def business(self) -> str | None:
        """Our own key."""
        return self.metadata.get(OUR_KEY)

    def words(self) -> Iterator[Word]:
        """Give what an intent is found by."""
        yield from _metadata_words(self.metadata)
        yield "customer", self.customer or ""
        yield "status", self.status
        yield "currency", self.currency


@dataclass(frozen=True, slots=True)
class Refund:
    """Money on its way back."""

    kind: ClassVar[str] = "refund"
    id: str
    account: str
    tenant: str
    made_at: float
    amount: int
    currency: str
    payment_intent: str
    charge: str
    metadata: dict[str, str] = field(default_factory=dict)
    reason: str | None = None

    def words(self) -> Iterator[Word]:
        """Give what a refund is found by."""
        yield "payment_intent", self.payment_intent
        yield "charge", self.charge


Kept = Customer | Intent | Refund
KINDS: dict[str, type[Customer] | type[Intent] | type[Refund]] = {
    kind.kind: kind for kind in (Customer, Intent, Refund)
}


def facts(kept: Kept) -> Json:
    """Return an object as the journal keeps it; `made` is the way back."""
    return {item.name: getattr(kept, item.name) for item in fields(kept)}


def made(kind: str, given: Json) -> Kept:
    """Return the object that the facts speak of."""
    return KINDS[kind](**given)


def _metadata_words(metadata: dict[str, str]) -> Iterator[Word]:
    for name, value in metadata.items():
        yield f"metadata.{name}", value
