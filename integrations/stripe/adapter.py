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
from integrations.stripe.replies import REFUSED, error_of
from operations.outcome import Effect, ErrorClass, Failed
from operations.request import Reply, Request

_BAD_REQUEST, _UNAUTHORIZED, _TIMED_OUT, _CONFLICT, _DEPENDENCY = 400, 401, 408, 409, 424
_TOO_MANY, _SERVER_ERROR = 429, 500


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
        "created[gte]", "created[lte]", "customer", "payment_intent",
    })  # fmt: skip

    beside: ClassVar[Mapping[int, str]] = {
        402: '{"error": {"type": "card_error", "code": "card_declined", "payment_intent": '
        '{"object": "payment_intent", "id": "pi_…", "status": "requires_payment_method"}}}'
    }

    def authenticate(self, credentials: Mapping[str, Secret]) -> Mapping[str, str]:
        """A secret or restricted key as bearer."""
        return {"Authorization": f"Bearer {credentials['api_key'].reveal()}"}

    def classify(self, reply: Reply) -> Failed | None:
        """Stripe's errors: 429 and 401 come before its idempotency layer, a replayed answer from behind it."""
        error = error_of(reply)
        said = _Said(reply, error)
        if reply.status == _TOO_MANY or error.get("code") == "rate_limit":
            return _too_many(said)
        if reply.status >= _SERVER_ERROR:
            return _broken(said)
        if not error or reply.status < _BAD_REQUEST or reply.status == _TIMED_OUT:
            return None
        return _conflict(said) if reply.status == _CONFLICT else _refused(said)

    def account_request(self) -> Request:
        """`GET /v1/account`: the account that the key belongs to."""
        return get("/v1/account")

    def account(self, reply: Reply) -> str | None:
        """The account's id."""
        found = reply.json()
        name = found.get("id") if isinstance(found, dict) and found.get("object") == "account" else None
        return name if isinstance(name, str) and name else None


class _Said:
    """What an error says of itself."""

    def __init__(self, reply: Reply, error: Mapping[str, Any]) -> None:
        self.reply = reply
        self.type = error.get("type")
        self.code = str(error.get("decline_code") or error.get("code") or self.type or f"http_{reply.status}")
        self.message = str(error.get("message") or "")
        self.replayed = reply.headers.get("idempotent-replayed") == "true"
        self.should_retry = reply.headers.get("stripe-should-retry")


def _too_many(said: _Said) -> Failed:
    """A lock on one object is no quota: Stripe names the quota in a header of its own."""
    if said.code == "lock_timeout" and "stripe-rate-limited-reason" not in said.reply.headers:
        return Failed(ErrorClass.TRANSIENT, Effect.NONE, said.code, said.message)
    return Failed(ErrorClass.RATE_LIMITED, Effect.NONE, said.code, said.message, retry_after=retry_after(said.reply))


def _broken(said: _Said) -> Failed:
    """A 500 of its own is kept under the key, whatever is true; a gateway's is kept under none."""
    own = said.reply.status == _SERVER_ERROR and said.type == "api_error" and said.should_retry != "true"
    return Failed(
        ErrorClass.AMBIGUOUS,
        Effect.UNKNOWN,
        said.code,
        said.message,
        retry_after=retry_after(said.reply),
        down=not said.replayed,
        frozen=said.replayed or own or said.should_retry == "false",
    )


def _conflict(said: _Said) -> Failed:
    """The key is in use, or an object is there already: what runs or is there may be ours."""
    going_on = ErrorClass.CLIENT if said.should_retry == "false" else ErrorClass.TRANSIENT
    return Failed(going_on, Effect.UNKNOWN, said.code, said.message)


def _refused(said: _Said) -> Failed:
    """A refusal; replayed, it speaks for every send under the key."""
    status = said.reply.status
    if said.type == "idempotency_error" or status == REFUSED:
        # Another body under this key, or a decline that hides its intent: something was made, and may stand open.
        return Failed(ErrorClass.AMBIGUOUS, Effect.UNKNOWN, said.code, said.message, frozen=True)
    if status == _DEPENDENCY or said.should_retry == "true":
        return Failed(ErrorClass.TRANSIENT, Effect.UNKNOWN, said.code, said.message)
    refused = status == _UNAUTHORIZED
    return Failed(ErrorClass.CLIENT, Effect.NONE, said.code, said.message, connection=refused, behind_key=said.replayed)
