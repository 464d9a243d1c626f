"""Tokens: how a program proves who it is. One is shown once, and only its hash is stored."""

import hashlib
import re
import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from admin.access.person import Person, Role
from config.errors import ConfigError
from ledger import audit
from ledger.audit import Order
from ledger.session import Connection, Ledger

PREFIX = "lgt_"  # so that a secret scanner finds one that was committed
_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")
_BYTES = 32

_ADD = """
INSERT INTO lockgate.admin_tokens (name, digest, role, tenants, expires_at)
VALUES (%s, %s, %s, %s, statement_timestamp() + %s) ON CONFLICT (name) DO NOTHING
"""
_LIST = "SELECT name, role, tenants, created_at, expires_at, revoked_at FROM lockgate.admin_tokens ORDER BY name"
_WHO = """
SELECT name, role, tenants FROM lockgate.admin_tokens
WHERE digest = %s AND revoked_at IS NULL AND (expires_at IS NULL OR expires_at > statement_timestamp())
"""
_REVOKE = "UPDATE lockgate.admin_tokens SET revoked_at = statement_timestamp() WHERE name = %s AND revoked_at IS NULL"


@dataclass(frozen=True, slots=True)
class Token:
    """One program's token, without the token."""

    name: str
    role: Role
    tenants: list[str] | None
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None


def add(
    ledger: Ledger, name: str, *, role: Role, tenants: Sequence[str] | None, days: int | None, order: Order
) -> str:  # fmt: skip
    """Make a token; it is returned this once.

    Raises:
        ConfigError: the name cannot be taken.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no name for a token: use lower-case letters, digits and . _ -")
    token = PREFIX + secrets.token_urlsafe(_BYTES)
    limited = sorted(set(tenants)) if tenants else None
    with ledger.transaction() as connection:
        life = None if days is None else timedelta(days=days)
        if connection.execute(_ADD, [name, _digest(token), role, limited, life]).rowcount == 0:
            raise ConfigError(f"there is or was a token {name}: its name stands in the audit, so choose another")
        after = {"role": role, "tenants": limited, "days": days}
        audit.note(connection, order, "token add", f"token:{name}", before={}, after=after)
    return token


def listed(connection: Connection) -> list[Token]:
    """All tokens, by name."""
    return [Token(row[0], Role(row[1]), *row[2:]) for row in connection.execute(_LIST).fetchall()]


def who(connection: Connection, token: str) -> Person | None:
    """Whose token this is; None when it is nobody's, or not any more."""
    row = connection.execute(_WHO, [_digest(token)]).fetchone()
    if row is None:
        return None
    return Person(f"token:{row[0]}", Role(row[1]), None if row[2] is None else tuple(row[2]))


def revoke(ledger: Ledger, name: str, order: Order) -> None:
    """Let a token open nothing any more.

    Raises:
        ConfigError: there is none of that name.
    """
    with ledger.transaction() as connection:
        if connection.execute(_REVOKE, [name]).rowcount == 0:
            raise ConfigError(f"there is no token {name} in use: `lockgate admin token list` shows all")
        audit.note(
            connection, order, "token revoke", f"token:{name}", before={"revoked": False}, after={"revoked": True}
        )


def _digest(token: str) -> bytes:
    return hashlib.sha256(token.encode()).digest()
