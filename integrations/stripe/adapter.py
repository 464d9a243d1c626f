"""What is Stripe's own: authentication, and what its errors mean.

Facts: docs.stripe.com "Idempotent requests", "Advanced error handling" and "Rate limits" (2026-09); stripe-python 16.1.0
`_http_client.py` and `_api_requestor.py`.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from config.secret import Secret
from integrations.adapter import Adapter, Kind
from integrations.classify import retry_after
from integrations.stripe import outbound
from integrations.stripe.form import get
from operations.outcome import Effect, ErrorClass, Failed
from operations.request import Reply, Request

_BAD_REQUEST, _UNAUTHORIZED, _CONFLICT, _TOO_MANY, _SERVER_ERROR = 400, 401, 409, 429, 500


class StripeAdapter(Adapter):
    """Stripe."""

    name = "stripe"
    kinds: ClassVar[tuple[type[Kind], ...]] = (
        outbound.TakePayment,
        outbound.StartPayment,
        outbound.CapturePayment,
        outbound.RefundPayment,
        outbound.CreateCustomer,
    )
    credentials = ("api_key",)
    evidence = frozenset({
        "id", "object", "status", "amount", "amount_received", "amount_capturable", "currency", "created", "livemode",
        "type", "code", "decline_code", "advice_code", "param", "lockgate_key", "order_id", "refund_id", "latest_charge",
        "capture_method", "confirm", "off_session", "cancellation_reason", "has_more", "limit", "starting_after",
        "created[gte]", "customer", "payment_intent",
    })  # fmt: skip

    def authenticate(self, credentials: Mapping[str, Secret]) -> Mapping[str, str]:
        """A secret or restricted key as bearer."""
        return {"Authorization": f"Bearer {credentials['api_key'].reveal()}"}

    def classify(self, reply: Reply) -> Failed | None:
        """Stripe's errors: 429 and 401 come before its idempotency layer, a replayed answer from behind it."""
        error = _error(reply)
        code = str(error.get("decline_code") or error.get("code") or error.get("type") or f"http_{reply.status}")
        message = str(error.get("message") or "")
        replayed = reply.headers.get("idempotent-replayed") == "true"
        if reply.status == _TOO_MANY or code == "rate_limit":
            return _too_many(reply, code, message)
        if error.get("type") == "idempotency_error" and reply.status != _CONFLICT:
            # Another body under this key: something was made under it, and nothing can be sent under it any more.
            return Failed(ErrorClass.AMBIGUOUS, Effect.UNKNOWN, "idempotency_error", message, frozen=True)
        if reply.status == _CONFLICT:
            return Failed(ErrorClass.TRANSIENT, Effect.NONE, code, message)  # the same key is running elsewhere
        if reply.status >= _SERVER_ERROR:
            frozen = replayed or reply.headers.get("stripe-should-retry") == "false"
            return Failed(ErrorClass.AMBIGUOUS, Effect.UNKNOWN, code, message, down=not replayed, frozen=frozen)
        if reply.status < _BAD_REQUEST:
            return None
        refused = reply.status == _UNAUTHORIZED
        return Failed(ErrorClass.CLIENT, Effect.NONE, code, message, connection=refused, behind_key=replayed)

    def account_request(self) -> Request:
        """`GET /v1/account`: the account that the key belongs to."""
        return get("/v1/account")

    def account(self, reply: Reply) -> str | None:
        """The account's id."""
        found = reply.json()
        return found.get("id") if isinstance(found, dict) else None


def _too_many(reply: Reply, code: str, message: str) -> Failed:
    """A lock on one object is no quota: Stripe names the quota in a header of its own."""
    if code == "lock_timeout" and "stripe-rate-limited-reason" not in reply.headers:
        return Failed(ErrorClass.TRANSIENT, Effect.NONE, code, message)
    return Failed(ErrorClass.RATE_LIMITED, Effect.NONE, code, message, retry_after=retry_after(reply))


def _error(reply: Reply) -> dict[str, Any]:
    body = reply.json()
    error = body.get("error") if isinstance(body, dict) else None
    return error if isinstance(error, dict) else {}
