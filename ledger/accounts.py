"""Which account at the provider a credential opens, remembered so that it is asked once."""

import hashlib
import hmac
from functools import lru_cache

from ledger.session import Connection, Ledger

_GET = "SELECT account FROM lockgate.connections WHERE tenant = %s AND provider = %s AND credential = %s"
_PUT = """
INSERT INTO lockgate.connections (tenant, provider, credential, account) VALUES (%s, %s, %s, %s)
ON CONFLICT (tenant, provider, credential) DO UPDATE SET account = excluded.account, seen_at = statement_timestamp()
"""


def fingerprint(ledger: Ledger, provider: str, credential: str) -> str:
    """A name for a credential from which it cannot be guessed."""
    return _fingerprint(ledger.secret, f"{provider}\x00{credential}")


@lru_cache(maxsize=1024)
def _fingerprint(secret: bytes, named: str) -> str:
    """Each attempt needs it, and credentials are few."""
    return hmac.new(secret, named.encode(), hashlib.sha256).hexdigest()[:16]


def remembered(connection: Connection, tenant: str, provider: str, credential: str) -> str | None:
    """The account that a credential opens, if it was asked before."""
    row = connection.execute(_GET, [tenant, provider, credential]).fetchone()
    return None if row is None else row[0]


def remember(connection: Connection, tenant: str, provider: str, credential: str, account: str) -> None:
    """Keep the account that a credential opens."""
    connection.execute(_PUT, [tenant, provider, credential, account])
