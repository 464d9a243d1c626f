"""An answer, and its bytes."""

import json
from dataclasses import dataclass
from email.utils import formatdate
from http import HTTPStatus
from typing import Any

JSON_TYPE = "application/json"
Headers = tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Answer:
    """What a provider says, before anyone lies about it."""

    status: int
    body: bytes = b""
    headers: Headers = ()
    replayed: bool = False  # it is the saved answer of an earlier request
    limited: bool = False  # it refuses a request that came over the limit

    def json(self) -> Any:
        """Return the body as a value."""
        return json.loads(self.body)


def in_json(status: int, value: object, *headers: tuple[str, str]) -> Answer:
    """Return an answer with a JSON body."""
    body = json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "backslashreplace")
    return Answer(status, body, (("Content-Type", JSON_TYPE), *headers))


def page(status: int, text: str) -> Answer:
    """Return an answer with an HTML page, as gateways and login walls send it."""
    body = f"<!doctype html><html><head><title>{text}</title></head><body><h1>{text}</h1></body></html>"
    return Answer(status, body.encode(), (("Content-Type", "text/html; charset=utf-8"),))


def head(status: int, headers: Headers) -> bytes:
    """Return status line and headers, framed by whoever calls."""
    try:
        reason = HTTPStatus(status).phrase
    except ValueError:
        reason = "Odd"
    rows = [f"HTTP/1.1 {status} {reason}", f"Date: {formatdate(usegmt=True)}"]
    rows += [f"{name}: {value}" for name, value in headers]
    return ("\r\n".join(rows) + "\r\n\r\n").encode("latin-1", "replace")


def rendered(answer: Answer, *, keep: bool = True) -> bytes:
    """Return the honest bytes of an answer."""
    framing = (("Content-Length", str(len(answer.body))), ("Connection", "keep-alive" if keep else "close"))
    return head(answer.status, (*answer.headers, *framing)) + answer.body
