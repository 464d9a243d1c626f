"""How Postmark says no: an error code that is not the status."""

from sandbox.wire.answer import Answer, in_json

INVALID, UNKNOWN_MESSAGE, INACTIVE = 300, 701, 406
BAD_JSON, BAD_FIELDS = 402, 403

# Kind of trouble: status, ErrorCode, message. The fact sheet knows no documented body for 403, 409 and 429.
TROUBLES: dict[str, tuple[int, int, str]] = {
    "unknown": (401, 10, "Bad or missing Server API token."),
    "expired": (401, 10, "Bad or missing Server API token."),
    "revoked": (401, 10, "Bad or missing Server API token."),
    "forbidden": (403, 10, "This token may not do that."),
    "limited": (429, 429, "Rate limit exceeded."),
    "internal": (500, 101, "An internal error occurred."),
    "maintenance": (503, 100, "The service is under maintenance."),
    "in_progress": (409, 409, "A conflicting request is in progress."),
    "mismatch": (409, 409, "A conflicting request was made before."),
    "exists": (409, 409, "This message exists."),
    "foreign": (409, 409, "This message exists."),
    "invalid": (422, INVALID, "Invalid email request."),
    "unrouted": (404, 404, "Not found."),
    "headers": (415, 415, "Accept and Content-Type must be application/json."),
}


def problem(status: int, code: int, message: str, **more: object) -> Answer:
    """Return an answer in Postmark's error envelope."""
    return in_json(status, {"ErrorCode": code, "Message": message, **more}, ("X-PM-ApiErrorCode", str(code)))


def trouble(kind: str, **facts: object) -> Answer:
    """Return the answer to a kind of trouble."""
    status, code, message = TROUBLES[kind]
    named = {"MessageID": facts["reference"]} if facts.get("reference") else {}
    answer = problem(status, code, message, **named)
    return Answer(answer.status, answer.body, answer.headers, limited=kind == "limited")
