"""Postmark: e-mail, which it sends without idempotency keys; a query by our key shows what went out (means Q)."""

from integrations.postmark.adapter import PostmarkAdapter
from integrations.postmark.outbound import SendEmail

ADAPTER = PostmarkAdapter()

__all__ = ["ADAPTER", "SendEmail"]
