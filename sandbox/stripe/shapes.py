"""What Stripe shows of its objects, after the shapes of its published fixtures."""

from sandbox.journal import Json
from sandbox.stripe.objects import Customer, Intent, Kept, Refund

VERSION = "2026-10-28.endive"
NOWHERE = {"city": None, "country": None, "line1": None, "line2": None, "postal_code": None, "state": None}

# What an intent's shape holds and this stand-in never fills.
INTENT_UNUSED: Json = {
    "amount_details": {"tip": {}},
    "application": None,
    "application_fee_amount": None,
    "automatic_payment_methods": None,
    "confirmation_method": "automatic",
    "customer_account": None,
    "excluded_payment_method_types": None,
    "livemode": False,
    "on_behalf_of": None,
    "payment_method_configuration_details": None,
    "payment_method_options": {},
    "payment_method_types": ["card"],
    "review": None,
    "shipping": None,
    "source": None,
    "statement_descriptor": None,
    "statement_descriptor_suffix": None,
    "transfer_data": None,
    "transfer_group": None,
}


def shown(kept: Kept) -> Json:
    """Return an object as an API answer holds it."""
    match kept:
        case Customer():
            return _customer(kept)
        case Intent():
            return _intent(kept)
        case Refund():
            return _refund(kept)


def _customer(kept: Customer) -> Json:
    return {
        "id": kept.id,
        "object": "customer",
        "address": dict(NOWHERE),
        "balance": 0,
        "created": int(kept.made_at),
        "currency": None,
        "default_source": None,
        "delinquent": False,
        "description": kept.description,
        "discount": None,
        "email": kept.email,
        "invoice_prefix": kept.id[-8:].upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": kept.metadata,
        "name": kept.name,
        "next_invoice_sequence": 1,
        "phone": kept.phone,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }


def _intent(kept: Intent) -> Json:
    return INTENT_UNUSED | {
        "id": kept.id,
        "object": "payment_intent",
        "amount": kept.amount,
        "amount_capturable": kept.capturable,
        "amount_received": kept.received,
        "canceled_at": None if kept.canceled_at is None else int(kept.canceled_at),
        "cancellation_reason": kept.cancellation_reason,
        "capture_method": kept.capture_method,
        "client_secret": f"{kept.id}_secret_{kept.id[-8:]}",
        "created": int(kept.made_at),
        "currency": kept.currency,
        "customer": kept.customer,
        "description": kept.description,
        "last_payment_error": kept.error,
        "latest_charge": kept.charge,
        "metadata": kept.metadata,
        "next_action": {"type": "use_stripe_sdk", "use_stripe_sdk": {}} if kept.status == "requires_action" else None,
        "payment_method": kept.payment_method,
        "processing": {"type": "card"} if kept.status == "processing" else None,
        "receipt_email": kept.receipt_email,
        "setup_future_usage": kept.setup_future_usage,
        "status": kept.status,
    }


def _refund(kept: Refund) -> Json:
    return {
        "id": kept.id,
        "object": "refund",
        "amount": kept.amount,
        "balance_transaction": None,
        "charge": kept.charge,
        "created": int(kept.made_at),
        "currency": kept.currency,
        "customer": None,
        "customer_account": None,
        "destination_details": {"card": {"type": "refund"}, "type": "card"},
        "metadata": kept.metadata,
        "payment_intent": kept.payment_intent,
        "payment_method": None,
        "reason": kept.reason,
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "succeeded",
        "transfer_reversal": None,
    }
