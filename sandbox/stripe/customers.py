"""Customers: create and retrieve."""

from functools import partial

from sandbox.effects import effect
from sandbox.journal import Json
from sandbox.provider import Call, Done, Work
from sandbox.stripe import checks
from sandbox.stripe.context import Context
from sandbox.stripe.errors import missing
from sandbox.stripe.form import decoded
from sandbox.stripe.objects import Customer
from sandbox.stripe.shapes import shown
from sandbox.wire.answer import in_json

CREATE = checks.names(
    "address balance description email invoice_prefix invoice_settings metadata name next_invoice_sequence "
    "payment_method phone preferred_locales shipping tax tax_exempt tax_id_data validate"
)


class Customers:
    """The endpoints under `/v1/customers`, but for lists."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def create(self, call: Call) -> Work:
        """Make a customer; nothing is required, and nothing but the id is unique."""
        params = decoded(call.request.text())
        checks.known(call, params, CREATE)
        texts = {name: checks.text(call, params, name) for name in ("email", "name", "phone", "description")}
        return partial(self._create, call, texts, checks.metadata(call, params))

    def retrieve(self, call: Call) -> Work:
        """Show one customer."""

        def work() -> Done:
            name, now = call.names["id"], self._context.clock.wall()
            kept = self._context.shelf.get(name)
            if isinstance(kept, Customer) and kept.account == call.account and now - kept.made_at >= call.blind:
                return Done(in_json(200, shown(kept)))
            return Done(missing(call, "customer", name, param="id"))

        return work

    def _create(self, call: Call, texts: Json, metadata: dict[str, str]) -> Done:
        customer = Customer(
            id=self._context.names.make("cus", length=14),
            account=call.account,
            tenant=call.tenant,
            made_at=self._context.clock.wall(),
            metadata=checks.merged({}, metadata),
            **texts,
        )
        put = self._context.shelf.put(customer, ("customer.created",), call)
        known = effect(
            "customer", provider="stripe", reference=customer.id, tenant=call.tenant, metadata=customer.metadata
        )
        return Done(in_json(200, shown(customer)), (put, known))
