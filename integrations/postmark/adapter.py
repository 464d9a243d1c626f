"""What is Postmark's own: authentication, and what its error codes mean.

Facts: postmarkapp.com/developer "API overview" and "Email API". The code in the body decides, not the status: 406 comes
with a 422, and codes from 500 on are client errors of another API.
"""

from collections.abc import Mapping
from typing import ClassVar

from config.secret import Secret
from integrations.adapter import Adapter, Kind
from integrations.postmark.outbound import SendEmail
from integrations.postmark.replies import MAINTENANCE, error_of
from operations.outcome import Effect, ErrorClass, Failed
from operations.request import Reply, Request

_BAD_REQUEST, _UNAUTHORIZED, _TIMED_OUT, _CONFLICT = 400, 401, 408, 409
_TOO_MANY, _SERVER_ERROR, _UNAVAILABLE = 429, 500, 503


class PostmarkAdapter(Adapter):
    """Postmark; one server token is one tenant's."""

    name = "postmark"
    kinds: ClassVar[tuple[type[Kind], ...]] = (SendEmail,)
    credentials = ("server_token",)
    evidence = frozenset({
        "ErrorCode", "MessageID", "SubmittedAt", "MessageStream", "Tag", "TotalCount", "Status", "lockgate_key",
        "metadata_lockgate_key", "count", "offset", "ID",
    })  # fmt: skip

    def authenticate(self, credentials: Mapping[str, Secret]) -> Mapping[str, str]:
        """The server's token."""
        return {"X-Postmark-Server-Token": credentials["server_token"].reveal()}

    def classify(self, reply: Reply) -> Failed | None:
        """Postmark's errors; what it does not document is left to the general rules."""
        code, message = error_of(reply)
        if code is None:
            return None
        name = f"postmark_{code}"
        if reply.status == _UNAVAILABLE and code == MAINTENANCE:
            return Failed(ErrorClass.TRANSIENT, Effect.NONE, name, message, down=True)
        if reply.status == _UNAUTHORIZED:
            return Failed(ErrorClass.CLIENT, Effect.NONE, name, message, connection=True)
        if reply.status in {_TIMED_OUT, _CONFLICT, _TOO_MANY} or reply.status >= _SERVER_ERROR:
            return None
        if reply.status >= _BAD_REQUEST:
            return Failed(ErrorClass.CLIENT, Effect.NONE, name, message)
        return None  # a 200 with an error in it contradicts itself: the mail may have gone out

    def account_request(self) -> Request:
        """`GET /server`: the server that the token belongs to."""
        return Request("GET", "/server", headers={"Accept": "application/json"})

    def account(self, reply: Reply) -> str | None:
        """The server's id."""
        found = reply.json()
        name = found.get("ID") if isinstance(found, dict) else None
        return str(name) if isinstance(name, int | str) and not isinstance(name, bool) and name != "" else None
