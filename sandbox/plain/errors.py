"""How the plain provider says no."""

from sandbox.wire.answer import Answer, in_json

STRANGER = {"id": "th_somebody_elses", "owner": "acct_stranger"}

# Kind of trouble: status, error.
TROUBLES: dict[str, tuple[int, str]] = {
    "unknown": (401, "unauthorised"),
    "expired": (401, "expired"),
    "revoked": (401, "revoked"),
    "forbidden": (403, "forbidden"),
    "limited": (429, "limited"),
    "internal": (500, "internal"),
    "maintenance": (503, "maintenance"),
    "in_progress": (409, "in_progress"),
    "mismatch": (409, "mismatch"),
    "exists": (409, "exists"),
    "foreign": (409, "exists"),
    "invalid": (422, "invalid"),
    "unrouted": (404, "not_found"),
}


def problem(status: int, error: str, **more: object) -> Answer:
    """Return an answer that names an error."""
    return in_json(status, {"error": error, **more})


def trouble(kind: str, *, account: str, **facts: object) -> Answer:
    """Return the answer to a kind of trouble; over a limit it says when to come again."""
    status, error = TROUBLES[kind]
    if kind == "foreign":
        return problem(status, error, **STRANGER)
    named = {"id": facts["reference"], "owner": account} if facts.get("reference") else {}
    answer = problem(status, error, **named)
    if kind != "limited":
        return answer
    wait = facts.get("wait", 1.0)
    seconds = int(wait) + 1 if isinstance(wait, float) else 1
    return Answer(answer.status, answer.body, (*answer.headers, ("Retry-After", str(seconds))), limited=True)
