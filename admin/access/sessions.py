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

# Whoever came in by a way that is closed by now has to come in by another.
_WHO = """
SELECT w.name, w.role, w.tenants, s.account_id, s.identity_id,
    s.seen_at < statement_timestamp() - %(noted)s * interval '1 second'
FROM lockgate.admin_sessions s CROSS JOIN LATERAL (
    SELECT name, role, tenants FROM lockgate.admin_accounts
    WHERE id = s.account_id AND disabled_at IS NULL AND %(passwords)s
    UNION ALL
    SELECT name, role, tenants FROM lockgate.admin_identities
    WHERE id = s.identity_id AND disabled_at IS NULL AND issuer = %(issuer)s::text
) w
WHERE s.id = %(id)s AND s.seen_at > statement_timestamp() - %(idle)s * interval '1 second'
    AND s.created_at > statement_timestamp() - %(absolute)s * interval '1 second'
"""
_SEEN = "UPDATE lockgate.admin_sessions SET seen_at = statement_timestamp() WHERE id = %s"
_OPEN = "INSERT INTO lockgate.admin_sessions (id, account_id, identity_id) VALUES (%s, %s, %s)"
_CLOSE = "DELETE FROM lockgate.admin_sessions WHERE id = %s"
_FORGET = "DELETE FROM lockgate.admin_sessions WHERE created_at < statement_timestamp() - %s * interval '1 second'"


def begin(connection: Connection, person: Person, *, before: str = "") -> str:
    """Begin a session under a new name; the browser's one before, and long ended ones, end.

    Args:
        connection: to the ledger.
        person: whose session it is.
        before: the cookie that the browser had, whosever it was.
    """
    if before:
        end(connection, before)
    connection.execute(_FORGET, [ABSOLUTE])
    token = secrets.token_urlsafe(_BYTES)
    connection.execute(_OPEN, [_id(token), person.account, person.identity])
    return token


def who(
    connection: Connection, token: str, *, noted: bool = True, passwords: bool = True, issuer: str | None = None
) -> Person | None:
    """Whose session this is; None when it has ended, or never was one.

    Args:
        connection: to the ledger.
        token: the cookie.
        noted: what is not noted does not keep it alive.
        passwords: whether people may sign in with a password.
        issuer: the OpenID provider that lets people in.
    """
    values = {
        "id": _id(token), "idle": IDLE, "absolute": ABSOLUTE, "noted": _NOTED, "passwords": passwords, "issuer": issuer,
    }  # fmt: skip
    row = connection.execute(_WHO, values).fetchone()
    if row is None:
        return None
    if row[5] and noted:
        connection.execute(_SEEN, [_id(token)])
    return Person(row[0], Role(row[1]), None if row[2] is None else tuple(row[2]), row[3], row[4])


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
