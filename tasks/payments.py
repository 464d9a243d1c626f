"""Payments at Stripe."""

from integrations import stripe
from tasks.app import integration_task

take_payment = integration_task(stripe.TakePayment)
start_payment = integration_task(stripe.StartPayment)
capture_payment = integration_task(stripe.CapturePayment)
refund_payment = integration_task(stripe.RefundPayment)
create_customer = integration_task(stripe.CreateCustomer)
