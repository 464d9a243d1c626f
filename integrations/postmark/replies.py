"""What Postmark's answers mean."""

from typing import Any

from operations.outcome import Absent, Declined, Finding, Outcome, Present, Succeeded, Unclear
from operations.request import Reply

_OK = 200
_LONGEST_CODE = 9  # digits
MAINTENANCE = 100
_INACTIVE_RECIPIENT = 406  # an error code, not a status: a bounce or complaint suppresses the address


def error_of(reply: Reply) -> tuple[int | None, str]:
    """The error code and message in an answer; 0 is success, None means that there is none to read."""
    body = reply.json()
    code = body.get("ErrorCode") if isinstance(body, dict) else None
    if isinstance(code, str) and code.isascii() and code.isdigit():
        code = int(code[:_LONGEST_CODE])
    if not isinstance(code, int) or isinstance(code, bool):
        return None, ""
    return code, str(body.get("Message") or "")


def sent(reply: Reply) -> Outcome | None:
    """An answer to `POST /email`. A 200 may still carry an error code; accepted is not delivered."""
    code, message = error_of(reply)
    body = reply.json()
    if reply.status == _OK and not code and isinstance(body, dict) and (reference := _id(body)):
        return Succeeded(reference, {"submitted_at": body.get("SubmittedAt")})
    if code == _INACTIVE_RECIPIENT:
        return Declined("inactive_recipient", message, behind_key=False)
    return None


def found(reply: Reply, key: str) -> Finding:
    """An answer to the search by our key; a filter that was not heeded would show the mails of others."""
    body = reply.json()
    if reply.status != _OK or not isinstance(body, dict) or not isinstance(body.get("Messages"), list):
        return Unclear(f"status {reply.status}")
    for message in body["Messages"]:
        marks = message.get("Metadata") if isinstance(message, dict) else None
        if isinstance(marks, dict) and marks.get("lockgate_key") == key and (reference := _id(message)):
            return Present(Succeeded(reference))
    if body["Messages"] or str(body.get("TotalCount")) != "0":
        return Unclear("messages that are not ours")
    return Absent()


def _id(shown: Any) -> str | None:
    named = shown.get("MessageID")
    return named if isinstance(named, str) and named else None
