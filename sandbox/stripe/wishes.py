"""What is asked of a payment intent, checked for its shape alone."""

from dataclasses import dataclass

from sandbox.journal import Json
from sandbox.provider import Call
from sandbox.stripe import checks
from sandbox.stripe.objects import Intent
from sandbox.stripe.outcomes import CONFIRMATION, METHOD

CREATE = checks.names(
    "amount amount_details application_fee_amount automatic_payment_methods capture_method confirm confirmation_method "
    "currency customer description error_on_requires_action mandate mandate_data metadata off_session on_behalf_of "
    "payment_method payment_method_options payment_method_types allowed_payment_method_types radar_options "
    "receipt_email return_url setup_future_usage shipping statement_descriptor statement_descriptor_suffix "
    "transfer_data transfer_group use_stripe_sdk"
)
CONFIRM = checks.names(
    "capture_method error_on_requires_action mandate mandate_data off_session payment_method payment_method_options "
    "receipt_email return_url setup_future_usage shipping use_stripe_sdk"
)
CAPTURING = checks.names("amount_to_capture application_fee_amount final_capture metadata statement_descriptor")


@dataclass(frozen=True, slots=True)
class Wish:
    """What a create or a confirm asks for."""

    payment_method: str | None
    off_session: bool
    confirm: bool = True


def drafted(call: Call, params: Json) -> Intent:
    """Return the intent that the parameters speak of, still without id and date; raises for one that is not valid."""
    checks.needed(call, params, "amount")
    method = checks.text(call, params, "payment_method")
    return Intent(
        id="",
        account=call.account,
        tenant=call.tenant,
        made_at=0.0,
        amount=checks.whole(call, params, "amount") or 0,
        currency=checks.currency(call, params),
        status=CONFIRMATION if method else METHOD,
        effect="intent",
        capture_method=checks.choice(call, params, "capture_method", ("automatic", "automatic_async", "manual")),
        metadata=checks.merged({}, checks.metadata(call, params)),
        customer=checks.text(call, params, "customer"),
        payment_method=method,
        description=checks.text(call, params, "description"),
        receipt_email=checks.text(call, params, "receipt_email"),
        setup_future_usage=checks.text(call, params, "setup_future_usage"),
    )
