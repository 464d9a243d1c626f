"""One request, parsed; nothing in it has been judged yet."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl


@dataclass(frozen=True, slots=True)
class Request:
    """What came over a line."""

    method: str
    path: str
    query: str
    headers: Mapping[str, str]  # names in lower case; of a repeated header the last one
    body: bytes
    connection: int
    reusable: bool  # the client would keep the line open

    def header(self, name: str) -> str:
        """Return a header's value, or nothing."""
        return self.headers.get(name, "")

    def asked(self) -> dict[str, str]:
        """Return the query as decoded pairs."""
        return dict(parse_qsl(self.query, keep_blank_values=True))

    def text(self) -> str:
        """Return the body as text, whatever bytes it holds."""
        return self.body.decode("utf-8", "replace")

    def digest(self) -> str:
        """Return what tells this body from any other."""
        return hashlib.sha256(self.body).hexdigest()
