"""One case of each of Stripe's kinds."""

from providers.conformance import Case

from integrations import stripe

_PAYMENT = {"order_id": "1001", "amount": 4200, "currency": "gbp", "customer": "cus_Qexample0001"}

TAKE = Case(
    stripe.ADAPTER,
    stripe.TakePayment(),
    _PAYMENT | {"payment_method": "pm_1Qexample0001"},
    others=({**_PAYMENT, "order_id": "1002"},),
)
START = Case(stripe.ADAPTER, stripe.StartPayment(), _PAYMENT, others=({**_PAYMENT, "order_id": "1002"},))
CAPTURE = Case(
    stripe.ADAPTER,
    stripe.CapturePayment(),
    {"payment": "pi_3QexampleAAAA0001", "amount": 4000},
    marks=False,
    others=({"payment": "pi_3QexampleAAAA0002"},),
)
REFUND = Case(
    stripe.ADAPTER,
    stripe.RefundPayment(),
    {"refund_id": "r-1", "payment": "pi_3QexampleAAAA0001", "amount": 1200, "reason": "requested_by_customer"},
    others=({"refund_id": "r-2", "payment": "pi_3QexampleAAAA0001", "amount": 1200},),
)
CUSTOMER = Case(
    stripe.ADAPTER,
    stripe.CreateCustomer(),
    {"customer_id": "c-1", "email": "jo@customer.example", "name": "Jo Customer"},
    personal=("jo@customer.example", "Jo"),
    others=({"customer_id": "c-2", "email": "jo@customer.example"},),
)
CASES = (TAKE, START, CAPTURE, REFUND, CUSTOMER)
