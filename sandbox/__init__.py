"""The lying provider: stands in for Stripe, Postmark and one plain service, misbehaves on demand, and keeps a journal."""
