"""Sessions: kept in PostgreSQL, known to the browser by a random name of which only the hash is stored."""

import hashlib
import hmac
import secrets

from admin.access.person import Person, Role
from ledger.session import Connection

IDLE = 30 * 60  # seconds without a request after which a session has ended
ABSOLUTE = 8 * 3600  # seconds after which it has ended in any case
_NOTED = 60  # seconds; seen_at is no newer than that, so that a page costs no write
_BYTES = 32

_ALIVE = """
a.disabled_at IS NULL AND s.seen_at > statement_timestamp() - %(idle)s * interval '1 second'
    AND s.created_at > statement_timestamp() - %(absolute)s * interval '1 second'
"""
_WHO = f"""
SELECT a.name, a.role, a.tenants, a.id, s.seen_at < statement_timestamp() - %(noted)s * interval '1 second'
FROM lockgate.admin_sessions s JOIN lockgate.admin_accounts a ON a.id = s.account_id WHERE s.id = %(id)s AND {_ALIVE}
"""  # noqa: S608  made of the constant above
_SEEN = "UPDATE lockgate.admin_sessions SET seen_at = statement_timestamp() WHERE id = %s"
_OPEN = "INSERT INTO lockgate.admin_sessions (id, account_id) VALUES (%s, %s)"
_CLOSE = "DELETE FROM lockgate.admin_sessions WHERE id = %s"
_FORGET = "DELETE FROM lockgate.admin_sessions WHERE created_at < statement_timestamp() - %s * interval '1 second'"


def begin(connection: Connection, account: int) -> str:
    """Begin a session under a new name; long ended ones are cleared away."""
    connection.execute(_FORGET, [ABSOLUTE])
    token = secrets.token_urlsafe(_BYTES)
    connection.execute(_OPEN, [_id(token), account])
    return token


def who(connection: Connection, token: str, *, noted: bool = True) -> Person | None:
    """Whose session this is; None when it has ended, or never was one. What is not noted does not keep it alive."""
    values = {"id": _id(token), "idle": IDLE, "absolute": ABSOLUTE, "noted": _NOTED}
    row = connection.execute(_WHO, values).fetchone()
    if row is None:
        return None
    if row[4] and noted:
        connection.execute(_SEEN, [_id(token)])
    return Person(row[0], Role(row[1]), None if row[2] is None else tuple(row[2]), row[3])


def end(connection: Connection, token: str) -> None:
    """End a session: its name opens nothing any more."""
    connection.execute(_CLOSE, [_id(token)])


def form_token(token: str) -> str:
    """What a form of this session carries: derived from its name, and of no use in another."""
    return hmac.new(token.encode(), b"lockgate admin form", hashlib.sha256).hexdigest()


def same(one: str, other: str) -> bool:
    """Whether two tokens are equal, in constant time."""
    return hmac.compare_digest(one.encode(), other.encode())


def _id(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
