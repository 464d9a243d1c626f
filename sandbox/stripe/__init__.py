"""The stand-in for Stripe: form-encoded requests, payment intents, refunds, customers, events, idempotency keys."""
