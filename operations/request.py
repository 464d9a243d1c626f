"""What is said and what is heard: requests, replies, and the silence in place of one."""

import base64
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Self
from urllib.parse import urlencode


@dataclass(frozen=True, slots=True)
class Request:
    """One HTTP request as an adapter describes it: no host, no credentials.

    Attributes:
        path: begins with a slash; the host is the provider's base URL.
        query: pairs, encoded in this order.
        headers: without authentication, which is added when it is sent and never stored.
        body: the bytes that are frozen at acceptance and sent again unchanged.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""

    @property
    def target(self) -> str:
        """Path and query, as they stand in the request line."""
        return f"{self.path}?{urlencode(self.query)}" if self.query else self.path

    @property
    def writes(self) -> bool:
        """Whether it may change something at the provider."""
        return self.method not in {"GET", "HEAD", "OPTIONS"}

    def to_json(self) -> dict[str, Any]:
        """A form that JSON can hold; `from_json` reads it back to the same bytes."""
        return {
            "method": self.method,
            "path": self.path,
            "query": [list(pair) for pair in self.query],
            "headers": dict(self.headers),
            "body": base64.b64encode(self.body).decode(),
        }

    @classmethod
    def from_json(cls, stored: Mapping[str, Any]) -> Self:
        """Read what `to_json` wrote."""
        return cls(
            method=stored["method"],
            path=stored["path"],
            query=tuple((name, value) for name, value in stored["query"]),
            headers=stored["headers"],
            body=base64.b64decode(stored["body"]),
        )


@dataclass(frozen=True, slots=True)
class Reply:
    """A whole answer of the provider.

    Attributes:
        headers: names in lower case; of a repeated header all values, joined by a comma.
        elapsed: seconds from the first byte sent to the last byte read.
    """

    status: int
    headers: Mapping[str, str]
    body: bytes
    elapsed: float = 0.0

    def json(self) -> Any:
        """The body as JSON; None when it is not JSON, which is for the caller to judge."""
        try:
            return json.loads(self.body)
        except (ValueError, RecursionError):
            return None


@dataclass(frozen=True, slots=True)
class Silence:
    """No whole answer came.

    Attributes:
        sent: whether a byte of the request may have left; False means that the provider cannot have acted.
        code: what happened, such as `connect_refused`, `read_timeout`, `truncated`.
        down: whether it says that the provider is down (a local DNS failure does not).
        heard: what had come before it broke off, if that was a status line.
    """

    sent: bool
    code: str
    message: str = ""
    down: bool = True
    heard: Reply | None = None
    elapsed: float = 0.0


@dataclass(frozen=True, slots=True)
class Sent:
    """What an inquiry may know of the operation that it asks about.

    Attributes:
        key: the idempotency key under which it was sent, and which travels as our mark on what it makes.
        first_sent_at: PostgreSQL's time of the first send; UTC. Of a key that the provider forgets, the first since it
            began to keep it, where it is known that nothing sent before had its effect.
        effect_until: after this, what was sent cannot have had its effect any more; None when that is not known.
        reference: what the provider called it in an earlier answer, if it said.
        declined: the code of a refusal that left something open.
    """

    arguments: Any
    request: Request
    key: str
    first_sent_at: datetime
    reference: str | None = None
    declined: str | None = None
    effect_until: datetime | None = None
