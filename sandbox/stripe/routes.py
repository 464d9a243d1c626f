"""Stripe's paths, and the endpoint behind each."""

from collections.abc import Callable

from sandbox.provider import Call, Done, Work
from sandbox.stripe.context import Context
from sandbox.stripe.customers import Customers
from sandbox.stripe.events import Events
from sandbox.stripe.intents import Intents
from sandbox.stripe.lists import Lists
from sandbox.stripe.refunds import Refunds
from sandbox.wire.answer import in_json
from sandbox.wire.routes import Routes

Endpoint = Callable[[Call], Work]


def routes(context: Context) -> Routes[Endpoint]:
    """Return every endpoint of the stand-in."""
    intents, refunds, customers = Intents(context), Refunds(context), Customers(context)
    lists, events = Lists(context), Events(context)
    return Routes[Endpoint](
        [
            ("POST", "/v1/payment_intents", intents.create),
            ("GET", "/v1/payment_intents", lists.listing("payment_intent", "payment_intent", frozenset({"customer"}))),
            ("GET", "/v1/payment_intents/search", lists.search("payment_intent")),
            ("GET", "/v1/payment_intents/{id}", intents.retrieve),
            ("POST", "/v1/payment_intents/{id}/confirm", intents.confirm),
            ("POST", "/v1/payment_intents/{id}/capture", intents.capture),
            ("POST", "/v1/payment_intents/{id}/cancel", intents.cancel),
            ("POST", "/v1/refunds", refunds.create),
            ("GET", "/v1/refunds", lists.listing("refund", "refund", frozenset({"payment_intent", "charge"}))),
            ("GET", "/v1/refunds/{id}", refunds.retrieve),
            ("POST", "/v1/customers", customers.create),
            ("GET", "/v1/customers", lists.listing("customer", "customer", frozenset({"email"}))),
            ("GET", "/v1/customers/search", lists.search("customer")),
            ("GET", "/v1/customers/{id}", customers.retrieve),
            ("GET", "/v1/events", events.listing),
            ("GET", "/v1/events/{id}", events.retrieve),
            ("GET", "/v1/account", _account),
        ]
    )


def _account(call: Call) -> Work:
    about = {"id": call.account, "object": "account", "country": "GB", "default_currency": "gbp", "type": "standard"}
    return lambda: Done(in_json(200, about | {"charges_enabled": True, "payouts_enabled": True, "email": None}))
