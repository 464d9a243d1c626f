"""What is kept of a request and its answer: names on the allow-list stay readable, everything else is masked."""

import json
import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import unquote_plus

from operations.request import Reply, Request, Silence

MASK = "***"
_HEADERS = frozenset({
    "content-type", "content-length", "date", "retry-after", "request-id", "x-request-id", "idempotency-key",
    "idempotent-replayed", "stripe-version", "stripe-should-retry", "stripe-rate-limited-reason", "x-pm-apierrorcode",
})  # fmt: skip
_LONGEST_TEXT = 500  # characters of one value
_MOST_ITEMS = 50  # of one list
_DEEPEST = 50  # levels; no answer of a provider has ten
_LONGEST_KNOWN = 100  # characters of a form's name that is remembered

# What would split one failure into many groups, or name a person.
_NORMALISED = (
    (re.compile(r"\bhttps?://\S+"), "<url>"),
    # o'brien@example.com is one; of 'jo@example.com' the quotes stay
    (re.compile(r"(?!'[^'\s]+')[^\s<>\"(),;:\[\]]+@[\w-]+(\.[\w-]+)+"), "<email>"),
    (re.compile(r"\b[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\b", re.IGNORECASE), "<id>"),
    # 2026-11-29, 2026-11-29T01:08:31.5Z, 2026-11-29 01:08:31+01:00
    (re.compile(r"\b\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d([.,]\d+)?)?( ?(Z|UTC|GMT|[+-]\d\d:?\d\d))?)?"), "<time>"),
    (re.compile(r"\b([0-9a-f]{1,4}:){2,7}(:?[0-9a-f]{1,4}){1,7}\b", re.IGNORECASE), "<address>"),
    # GBP 42.00, 42.00 GBP, £42: which currency it was is no other failure
    (re.compile(r"(\b[A-Z]{3} ?|[£$€¥] ?)\d[\d.,]*\b|\b\d[\d.,]* ?([A-Z]{3}\b|[£$€¥])"), "<amount>"),
    (re.compile(r"\b[a-z]{2,8}(_(test|live))?_[A-Za-z0-9]{6,}\b"), "<id>"),
    # Eight characters and more with a digit and a letter among them: an id, a hash, a token
    (re.compile(r"\b(?=[\w-]*\d)(?=[\w-]*[A-Za-z])[\w-]{8,}(?![\w-])"), "<id>"),
    (re.compile(r"\b\d[\d.,:/-]*\b"), "<n>"),
)


def of_request(request: Request, allowed: frozenset[str]) -> dict[str, Any]:
    """A request as it is kept."""
    return {
        "method": request.method,
        "path": request.path,
        "query": {name: value if name in allowed else MASK for name, value in request.query},
        "headers": _headers(request.headers),
        "body": _body(request.body, request.headers.get("Content-Type", ""), allowed),
    }


def of_reply(reply: Reply, allowed: frozenset[str]) -> dict[str, Any]:
    """An answer as it is kept."""
    return {
        "status": reply.status,
        "headers": _headers(reply.headers),
        "body": _body(reply.body, reply.headers.get("content-type", ""), allowed),
    }


def of_silence(silence: Silence) -> dict[str, Any]:
    """No answer, as it is kept."""
    return {"silence": silence.code, "sent": silence.sent, "message": normalised(silence.message)}


def normalised(message: str) -> str:
    """A message without what differs from case to case or names a person: ids, addresses, numbers, e-mail."""
    for pattern, name in _NORMALISED:
        message = pattern.sub(name, message)
    return message[:_LONGEST_TEXT]


def _headers(headers: Mapping[str, str]) -> dict[str, str]:
    return {name: value for name, value in headers.items() if name.lower() in _HEADERS}


def _body(body: bytes, content_type: str, allowed: frozenset[str]) -> Any:
    if not body:
        return None
    if "form-urlencoded" in content_type:
        return _form(body.decode("latin-1"), allowed)
    try:
        return _masked(json.loads(body), allowed)
    except (ValueError, RecursionError):
        return {"bytes": len(body), "type": content_type.partition(";")[0]}


def _form(body: str, allowed: frozenset[str]) -> dict[str, str]:
    masked: dict[str, str] = {}
    for pair in filter(None, body.split("&")):
        quoted, _, value = pair.partition("=")
        name, leaf = _known(quoted) if len(quoted) <= _LONGEST_KNOWN else _named(quoted)
        masked[name] = unquote_plus(value) if leaf in allowed else MASK
    return masked


def _named(quoted: str) -> tuple[str, str]:
    """A name, and by what it is judged: `metadata[order]` by `order`."""
    name = unquote_plus(quoted)
    return name, name.rpartition("[")[2].rstrip("]") or name


_known = lru_cache(maxsize=1024)(_named)  # ours are few


def _masked(value: Any, allowed: frozenset[str], *, readable: bool = False, deep: int = 0) -> Any:
    """JSON as it is kept. Whoever writes, reads or shows it goes down as far, from wherever it stands by then."""
    if isinstance(value, (dict, list)) and deep == _DEEPEST:
        return MASK
    if isinstance(value, dict):
        masked: dict[str, Any] = {}
        for name, inner in value.items():  # most are no containers: a call for each would take half of the time
            if inner is None or inner is True or inner is False:
                masked[name] = inner
            elif name not in allowed and not isinstance(inner, (dict, list)):
                masked[name] = MASK
            else:
                masked[name] = _masked(inner, allowed, readable=name in allowed, deep=deep + 1)
        return masked
    if isinstance(value, list):
        return [_masked(inner, allowed, readable=readable, deep=deep + 1) for inner in value[:_MOST_ITEMS]]
    if value is None or isinstance(value, bool):
        return value
    if not readable:
        return MASK
    return value[:_LONGEST_TEXT] if isinstance(value, str) else value
