"""How Stripe says no."""

from sandbox.provider import Call
from sandbox.wire.answer import Answer, in_json

INVALID, API, CARD, IDEMPOTENCY = "invalid_request_error", "api_error", "card_error", "idempotency_error"
REUSED = "Keys for idempotent requests can only be used with the same parameters they were first used with."

# Kind of trouble: status, type, code, message.
TROUBLES: dict[str, tuple[int, str, str | None, str]] = {
    "unknown": (401, INVALID, None, "No API key was provided."),
    "expired": (401, INVALID, "api_key_expired", "Expired API key provided."),
    "revoked": (401, INVALID, None, "Invalid API key provided."),
    "forbidden": (403, INVALID, None, "The provided key does not have the required permissions for this endpoint."),
    "limited": (429, INVALID, "rate_limit", "Too many requests were made in too short a time."),
    "internal": (500, API, None, "Something went wrong on our side."),
    "maintenance": (503, API, None, "The service is not available at the moment."),
    "in_progress": (409, IDEMPOTENCY, "idempotency_key_in_use", "Another request with this key is being executed."),
    "mismatch": (400, IDEMPOTENCY, None, REUSED),
    "exists": (409, INVALID, "resource_already_exists", "This object already exists."),
    "foreign": (409, INVALID, "resource_already_exists", "This object already exists."),
    "invalid": (400, INVALID, "parameter_invalid", "One of the parameters is not acceptable."),
    "unrouted": (404, INVALID, None, "Unrecognized request URL."),
}


def problem(call: Call, status: int, kind: str, message: str, *, code: str | None = None, **more: object) -> Answer:
    """Return an answer in Stripe's error envelope; what is None is left out."""
    log = f"https://dashboard.stripe.com/test/logs/{call.request_id}"
    about = {"code": code, "message": message, "request_log_url": log, "type": kind, **more}
    if code:
        about["doc_url"] = f"https://stripe.com/docs/error-codes/{code.replace('_', '-')}"
    return in_json(status, {"error": {name: value for name, value in about.items() if value is not None}})


def missing(call: Call, noun: str, name: str, *, param: str, status: int = 404) -> Answer:
    """Return the answer about an object that is not there: 404 by its path, 400 by a parameter."""
    return problem(call, status, INVALID, f"No such {noun}: '{name}'", code="resource_missing", param=param)


def trouble(kind: str, call: Call, **facts: object) -> Answer:
    """Return the answer to a kind of trouble."""
    status, family, code, message = TROUBLES[kind]
    named = {"id": facts["reference"]} if facts.get("reference") else {}
    answer = problem(call, status, family, message, code=code, **named)
    if kind != "limited":
        return answer
    scope = "global" if facts.get("scope") == "provider" else "endpoint"
    reason = ("Stripe-Rate-Limited-Reason", f"{scope}-{facts.get('limit', 'rate')}")
    return Answer(answer.status, answer.body, (*answer.headers, reason), limited=True)
