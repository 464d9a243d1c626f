"""Who was led to the OpenID provider and is not back: what must fit on the way back is made of one secret of the browser's.

Its cookie holds a random name; state, nonce and code verifier are derived from it, each of no use for another. Stored is
only the name's hash, and where the way was to lead. A way back is used up by the first who comes with it.
"""

import hashlib
import hmac
import secrets
from base64 import urlsafe_b64encode
from dataclasses import dataclass

from ledger.session import Connection

LIFE = 600  # seconds; a password, a second factor and a look for the phone fit in
_BYTES = 32
_ADD = "INSERT INTO lockgate.admin_departures (id, next) VALUES (%s, %s)"
_TAKE = """
DELETE FROM lockgate.admin_departures WHERE id = %s
RETURNING next, at > statement_timestamp() - %s * interval '1 second'
"""
_FORGET = "DELETE FROM lockgate.admin_departures WHERE at < statement_timestamp() - %s * interval '1 second'"


@dataclass(frozen=True, slots=True)
class Departure:
    """One way to the provider.

    Attributes:
        token: the cookie.
    """

    token: str

    @property
    def state(self) -> str:
        """What comes back unchanged: it proves that the way back is this browser's."""
        return self._derived("state")

    @property
    def nonce(self) -> str:
        """What the ID token must hold: it proves that it was made for this way."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """What the provider has the hash of: whoever finds the code on its way cannot use it."""
        return self._derived("verifier")

    @property
    def id(self) -> bytes:
        """What is stored."""
        return hashlib.sha256(self.token.encode()).digest()

    def _derived(self, part: str) -> str:
        made = hmac.new(self.token.encode(), f"lockgate openid {part}".encode(), hashlib.sha256).digest()
        return urlsafe_b64encode(made).rstrip(b"=").decode()


def fresh() -> Departure:
    """A new one; it is nowhere yet."""
    return Departure(secrets.token_urlsafe(_BYTES))


def begin(connection: Connection, leaving: Departure, there: str) -> None:
    """Remember that somebody leaves, and where they were going here; those who never came back are forgotten."""
    connection.execute(_FORGET, [LIFE])
    connection.execute(_ADD, [leaving.id, there])


def take(connection: Connection, leaving: Departure) -> str | None:
    """Use it up: where they were going; None when it was used, has ended, or never was."""
    row = connection.execute(_TAKE, [leaving.id, LIFE]).fetchone()
    return row[0] if row is not None and row[1] else None
