"""What we ask of Stripe: one class per kind of operation.

Stripe keeps an idempotency key for at least 24 hours and replays the first answer, 402 and 500 included (docs.stripe.com
"Idempotent requests", 2026-09). Our key also travels as metadata `lockgate_key`, by which a list shows what it made.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar

from pydantic import Field, StringConstraints

from integrations import adapter
from integrations.stripe import replies
from integrations.stripe.form import at, get, post
from operations.means import Means
from operations.outcome import Finding, Outcome
from operations.request import Reply, Request, Sent

Name = Annotated[str, StringConstraints(min_length=1, max_length=200, pattern=r"^[A-Za-z0-9_.:-]+$")]
Payment = Annotated[str, StringConstraints(max_length=200, pattern=r"^pi_[A-Za-z0-9_]+$")]
Amount = Annotated[int, Field(gt=0, le=99_999_999, description="in the smallest unit of the currency")]
Currency = Annotated[str, StringConstraints(pattern=r"^[a-z]{3}$")]


class _StripeKind(adapter.Kind):
    """What Stripe's kinds have in common: they are found by our key, in a list or by the reference."""

    means = Means.KEY
    path: ClassVar[str]
    reader: ClassVar[replies.Reader]

    def outcome(self, reply: Reply) -> Outcome | None:
        """The object's status decides, not the 200."""
        return replies.outcome(reply, type(self).reader)

    def inquiry(self, sent: Sent) -> Request:
        """By reference where one is known, else in the list."""
        if sent.reference:
            return get(at(self.path, sent.reference))
        return replies.listed(self.path, sent, **self.filters(sent.arguments))

    def finding(self, sent: Sent, reply: Reply) -> Finding:
        """Ours carries our key."""
        asked = replies.listed(self.path, sent, **self.filters(sent.arguments))
        return replies.find(sent, reply, type(self).reader, asked=asked)

    def filters(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """What narrows the list."""
        del arguments
        return {}


class TakePayment(_StripeKind):
    """Charge a saved payment method, off session. Without one Stripe takes the customer's default source."""

    name = "stripe.take_payment"
    path = "/v1/payment_intents"
    reader = replies.payment
    visible = frozenset({"order_id", "amount", "currency", "customer", "capture"})

    class Arguments(adapter.Arguments):
        """An order is paid once: its id names the intent."""

        order_id: Name
        amount: Amount
        currency: Currency
        customer: Name
        payment_method: Name | None = None
        capture: bool = True

    def business_key(self, arguments: Arguments) -> str:
        """One payment per order."""
        return f"order:{arguments.order_id}:payment"

    def request(self, arguments: Arguments, key: str) -> Request:
        """A payment intent, confirmed at once."""
        fields = {
            "amount": arguments.amount,
            "currency": arguments.currency,
            "customer": arguments.customer,
            "payment_method": arguments.payment_method,
            "confirm": True,
            "off_session": True,
            # Without it Stripe wants a page to return to, for methods that lead the customer somewhere else.
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
            "capture_method": None if arguments.capture else "manual",
            "metadata": {"lockgate_key": key, "order_id": arguments.order_id},
        }
        return post(self.path, fields, key=key)

    def outcome(self, reply: Reply) -> Outcome | None:
        """A refusal is not the end: it leaves an intent that could still be paid."""
        return replies.taken(reply)

    def filters(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Only this customer's."""
        return {"customer": arguments["customer"]}


class StartPayment(_StripeKind):
    """Make a payment intent for a page on which the customer confirms it; done when the intent exists."""

    name = "stripe.start_payment"
    path = "/v1/payment_intents"
    reader = replies.intent
    visible = frozenset({"order_id", "amount", "currency", "customer"})

    class Arguments(adapter.Arguments):
        """An order has one intent for its page."""

        order_id: Name
        amount: Amount
        currency: Currency
        customer: Name | None = None

    def business_key(self, arguments: Arguments) -> str:
        """One intent per order."""
        return f"order:{arguments.order_id}:intent"

    def request(self, arguments: Arguments, key: str) -> Request:
        """A payment intent that waits for its customer."""
        fields = {
            "amount": arguments.amount,
            "currency": arguments.currency,
            "customer": arguments.customer,
            "metadata": {"lockgate_key": key, "order_id": arguments.order_id},
        }
        return post(self.path, fields, key=key)

    def filters(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Only this customer's, where one is known."""
        return {"customer": arguments.get("customer")}


class CapturePayment(_StripeKind):
    """Collect what an earlier payment had only reserved."""

    name = "stripe.capture_payment"
    path = "/v1/payment_intents"
    reader = replies.capture
    visible = frozenset({"payment", "amount"})

    class Arguments(adapter.Arguments):
        """A reservation is captured once; `payment` is the intent's id."""

        payment: Payment
        amount: Amount | None = None

    def business_key(self, arguments: Arguments) -> str:
        """One capture per payment."""
        return f"{arguments.payment}:capture"

    def request(self, arguments: Arguments, key: str) -> Request:
        """A capture of all, or of a part; the rest is released."""
        return post(f"{at(self.path, arguments.payment)}/capture", {"amount_to_capture": arguments.amount}, key=key)

    def inquiry(self, sent: Sent) -> Request:
        """The payment itself says if it was captured."""
        return get(at(self.path, sent.arguments["payment"]))

    def finding(self, sent: Sent, reply: Reply) -> Finding:
        """A status other than `requires_capture` settles it."""
        return replies.captured(sent, reply)

    def from_previous(self, previous: Any) -> Mapping[str, Any]:
        """In a chain: the payment that the step before took."""
        return {"payment": previous["reference"]}


class RefundPayment(_StripeKind):
    """Give a payment back, whole or in part."""

    name = "stripe.refund_payment"
    path = "/v1/refunds"
    reader = replies.refund
    visible = frozenset({"refund_id", "payment", "amount", "reason"})

    class Arguments(adapter.Arguments):
        """A payment may be refunded in parts, so each refund has an id of ours."""

        refund_id: Name
        payment: Payment
        amount: Amount | None = None
        reason: Annotated[str, StringConstraints(pattern=r"^(duplicate|fraudulent|requested_by_customer)$")] | None = (
            None
        )

    def business_key(self, arguments: Arguments) -> str:
        """One refund per id of ours."""
        return f"refund:{arguments.refund_id}"

    def request(self, arguments: Arguments, key: str) -> Request:
        """A refund of all that is left, or of an amount."""
        fields = {
            "payment_intent": arguments.payment,
            "amount": arguments.amount,
            "reason": arguments.reason,
            "metadata": {"lockgate_key": key, "refund_id": arguments.refund_id},
        }
        return post(self.path, fields, key=key)

    def filters(self, arguments: Mapping[str, Any]) -> Mapping[str, Any]:
        """Only this payment's."""
        return {"payment_intent": arguments["payment"]}


class CreateCustomer(_StripeKind):
    """Make a customer. Stripe does not hold e-mail addresses unique; our id names the intent."""

    name = "stripe.create_customer"
    path = "/v1/customers"
    reader = replies.customer
    visible = frozenset({"customer_id"})

    class Arguments(adapter.Arguments):
        """`customer_id` is ours."""

        customer_id: Name
        email: Annotated[str, StringConstraints(max_length=512, pattern=r"^[^@\s]+@[^@\s]+$")] | None = None
        name: Annotated[str, StringConstraints(max_length=256)] | None = None

    def business_key(self, arguments: Arguments) -> str:
        """One customer per id of ours."""
        return f"customer:{arguments.customer_id}"

    def request(self, arguments: Arguments, key: str) -> Request:
        """A customer."""
        fields = {"email": arguments.email, "name": arguments.name, "metadata": {"lockgate_key": key}}
        return post(self.path, fields, key=key)
