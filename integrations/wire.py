"""What leaves: a request as the bytes of HTTP/1.1, in one piece, after a look that nothing in it ends a line too early."""

import re
from urllib.parse import quote, urlsplit

from requests import PreparedRequest

_PATH, _QUERY = "!$&'()*+,;=:@/", "!$&'()*+,;=:@/?"  # what need not be encoded, besides letters, digits and -._~
_PLAIN = re.compile(
    r"(?P<origin>https?://[^/?#]+)"
    r"(?P<target>/[\w.~!$&'()*+,;=:@/-]*(?:%[0-9A-F]{2}[\w.~!$&'()*+,;=:@/-]*)*"
    r"(?:\?[\w.~!$&'()*+,;=:@/?-]+(?:%[0-9A-F]{2}[\w.~!$&'()*+,;=:@/?-]*)*)?)",
    re.ASCII,
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]")
_ESCAPE = re.compile("%[0-9A-Fa-f]{2}")
_TOKENS = re.compile(r"[\w!#$%&'*+.^`|~-]+", re.ASCII)
_ENDS_A_LINE = re.compile(r"[\r\n\0]")


def destination(url: str) -> tuple[str, str]:
    """The origin and the target: encoded where that is needed, and not changed otherwise.

    Raises:
        ValueError: there is a control character in it.
    """
    plain = _PLAIN.fullmatch(url)
    if plain is not None:
        return plain["origin"], plain["target"]
    if _CONTROL.search(url):
        raise ValueError("a control character in the target of a request")
    parts = urlsplit(url)
    query = f"?{_encoded(parts.query, _QUERY)}" if parts.query else ""
    return f"{parts.scheme}://{parts.netloc}", _encoded(parts.path or "/", _PATH) + query


def written(request: PreparedRequest, target: str, host: str) -> bytes:
    """Head and body.

    Args:
        request: prepared.
        target: encoded.
        host: as the `Host` header says it, unless the request says another.

    Raises:
        ValueError: a name, a value or the method would be read as something else.
    """
    headers = dict(request.headers.items())
    if "host" not in request.headers:
        headers = {"Host": host, **headers}
    names = [str(request.method), *headers]
    if not all(names) or _TOKENS.fullmatch("".join(names)) is None:
        raise ValueError("the method or the name of a header is no token")
    if _ENDS_A_LINE.search("".join(headers.values())):
        raise ValueError("the value of a header would end its line")
    lines = [f"{name}: {value}" for name, value in headers.items()]
    head = "\r\n".join([f"{request.method} {target} HTTP/1.1", *lines, "", ""])
    body = request.body or b""
    assert isinstance(body, bytes)
    return head.encode("latin-1") + body


def _encoded(text: str, safe: str) -> str:
    """As urllib3 does it: what is encoded already stays, unless there is a percent sign that encodes nothing."""
    text, escapes = _ESCAPE.subn(lambda found: found[0].upper(), text)
    return quote(text, safe=safe + ("%" if escapes == text.count("%") else ""))
