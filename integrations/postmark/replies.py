"""What Postmark's answers mean."""

from operations.outcome import Absent, Declined, Finding, Outcome, Present, Succeeded, Unclear
from operations.request import Reply

_OK = 200
MAINTENANCE = 100
_INACTIVE_RECIPIENT = 406  # an error code, not a status: a bounce or complaint suppresses the address


def error_of(reply: Reply) -> tuple[int | None, str]:
    """The error code and message in an answer; 0 is success, None means that there is none to read."""
    body = reply.json()
    if not isinstance(body, dict) or not isinstance(body.get("ErrorCode"), int):
        return None, ""
    return body["ErrorCode"], str(body.get("Message") or "")


def sent(reply: Reply) -> Outcome | None:
    """An answer to `POST /email`. A 200 may still carry an error code; accepted is not delivered."""
    code, message = error_of(reply)
    body = reply.json()
    if reply.status == _OK and code == 0 and isinstance(body.get("MessageID"), str):
        return Succeeded(body["MessageID"], {"submitted_at": body.get("SubmittedAt")})
    if code == _INACTIVE_RECIPIENT:
        return Declined("inactive_recipient", message, behind_key=False)
    return None


def found(reply: Reply, key: str) -> Finding:
    """An answer to the search by our key."""
    body = reply.json()
    if reply.status != _OK or not isinstance(body, dict) or not isinstance(body.get("Messages"), list):
        return Unclear(f"status {reply.status}")
    for message in body["Messages"]:
        marks = message.get("Metadata") or {} if isinstance(message, dict) else {}
        if marks.get("lockgate_key", key) == key and isinstance(message.get("MessageID"), str):
            return Present(Succeeded(message["MessageID"]))
    return Absent() if body.get("TotalCount") == 0 else Unclear("messages that are not ours")
