"""Identifiers in the providers' own manner, never given twice on one journal."""

import hashlib
import uuid
from base64 import b64encode

from sandbox.journal import Journal, Json


class Names:
    """Makes identifiers from a seed and the journal's place of this start, so that a restart cannot repeat one."""

    def __init__(self, journal: Journal, *, seed: int) -> None:
        self._seed = seed
        self._origin = ""
        self._count = 0
        journal.follow("started", self._take)

    def make(self, prefix: str, *, length: int = 24) -> str:
        """Return the next identifier, such as `pi_3kXw…`."""
        return f"{prefix}_{spelled(self._next(), length=length)}"

    def unique(self) -> str:
        """Return the next identifier as a UUID."""
        return str(uuid.UUID(bytes=self._next()[:16], version=4))

    def _take(self, event: Json) -> None:
        self._origin = f"{self._seed}.{event['seq']}"
        self._count = 0

    def _next(self) -> bytes:
        self._count += 1
        return hashlib.sha256(f"{self._origin}.{self._count}".encode()).digest()


def spelled(digest: bytes, *, length: int) -> str:
    """Return a digest in the 62 letters that the providers use."""
    return b64encode(digest, altchars=b"zZ").decode()[:length]
