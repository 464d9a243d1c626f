"""What the provider in the benchmark is sent, and answers."""

#: A payment intent that succeeded, after the sample in Stripe's API reference; about 1.4 KB as Stripe indents it.
PAYMENT = {
    "id": "pi_3PbenchmarkBenchmark0",
    "object": "payment_intent",
    "amount": 4200,
    "amount_capturable": 0,
    "amount_details": {"tip": {}},
    "amount_received": 4200,
    "application": None,
    "application_fee_amount": None,
    "automatic_payment_methods": {"enabled": True},
    "canceled_at": None,
    "cancellation_reason": None,
    "capture_method": "automatic",
    "client_secret": "pi_3PbenchmarkBenchmark0_secret_benchmark",
    "confirmation_method": "automatic",
    "created": 1732406400,
    "currency": "gbp",
    "customer": "cus_QbenchmarkBench",
    "description": None,
    "last_payment_error": None,
    "latest_charge": "ch_3PbenchmarkBenchmark0",
    "livemode": False,
    "metadata": {"order_id": "bench", "lockgate_key": "0123456789abcdef0123456789abcdef01234567"},
    "next_action": None,
    "on_behalf_of": None,
    "payment_method": "pm_1PbenchmarkBenchmark0",
    "payment_method_options": {"card": {"network": None, "request_three_d_secure": "automatic"}},
    "payment_method_types": ["card", "link"],
    "processing": None,
    "receipt_email": None,
    "review": None,
    "setup_future_usage": None,
    "shipping": None,
    "source": None,
    "statement_descriptor": None,
    "statement_descriptor_suffix": None,
    "status": "succeeded",
    "transfer_data": None,
    "transfer_group": None,
}
ACCOUNT = {"id": "acct_1benchmark", "object": "account"}
FORM = (
    "amount=4200&currency=gbp&customer=cus_QbenchmarkBench&confirm=true&off_session=true&"
    "metadata%5Blockgate_key%5D=0123456789abcdef0123456789abcdef01234567&metadata%5Border_id%5D=bench-000001"
)
