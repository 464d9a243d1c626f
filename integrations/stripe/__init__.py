"""Stripe: payments, refunds and customers, under its idempotency keys (means K)."""

from integrations.stripe.adapter import StripeAdapter
from integrations.stripe.outbound import (
    CapturePayment,
    CreateCustomer,
    RefundPayment,
    StartPayment,
    TakePayment,
)

ADAPTER = StripeAdapter()

__all__ = ["ADAPTER", "CapturePayment", "CreateCustomer", "RefundPayment", "StartPayment", "TakePayment"]
