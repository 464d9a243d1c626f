"""Accounts: who may sign in. What changes one ends its sessions, and leaves a row in the audit."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from admin.access import passwords
from admin.access.openid.claims import PREFIX
from admin.access.person import Person, Role
from config.errors import ConfigError
from ledger import audit
from ledger.audit import Order
from ledger.session import Connection, Ledger

_NAME = re.compile(r"[a-z0-9][a-z0-9._@-]{0,63}")
_COLUMNS = "id, name, role, tenants, created_at, disabled_at"
_LIST = f"SELECT {_COLUMNS} FROM lockgate.admin_accounts ORDER BY name"  # noqa: S608  made of the names above
_LOCK = f"SELECT {_COLUMNS} FROM lockgate.admin_accounts WHERE name = %s FOR UPDATE"  # noqa: S608
_ONE_AT_A_TIME = "SELECT pg_advisory_xact_lock(7_030_604)"  # or of the last two admins each could disable the other
_ADD = """
INSERT INTO lockgate.admin_accounts (name, password, role, tenants) VALUES (%s, %s, %s, %s)
ON CONFLICT (name) DO NOTHING
"""
_TO_SIGN_IN = "SELECT id, role, tenants, password FROM lockgate.admin_accounts WHERE name = %s AND disabled_at IS NULL"
_LEFT = "SELECT count(*) FROM lockgate.admin_accounts WHERE role = 'admin' AND disabled_at IS NULL"
_END_SESSIONS = "DELETE FROM lockgate.admin_sessions WHERE account_id = %s"


@dataclass(frozen=True, slots=True)
class Account:
    """One account, without its password."""

    id: int
    name: str
    role: Role
    tenants: list[str] | None
    created_at: datetime
    disabled_at: datetime | None

    @property
    def through(self) -> str:
        """How they sign in."""
        return "password"


def listed(connection: Connection) -> list[Account]:
    """All accounts, by name."""
    return [_account(row) for row in connection.execute(_LIST).fetchall()]


def add(
    ledger: Ledger, name: str, password: str, *, role: Role, tenants: Sequence[str] | None, order: Order
) -> None:  # fmt: skip
    """Make an account.

    Raises:
        ConfigError: the name or the password cannot be taken, or somebody has that name.
    """
    if not _NAME.fullmatch(name):
        raise ConfigError(f"{name!r} is no name for an account: use lower-case letters, digits and . _ @ -")
    stored = passwords.hashed(password)
    with ledger.transaction() as connection:
        if connection.execute(_ADD, [name, stored, role, _given(tenants)]).rowcount == 0:
            raise ConfigError(f"there is an account {name} already: `lockgate admin user list` shows all")
        after = {"role": role, "tenants": _given(tenants), "disabled": False}
        audit.note(connection, order, "account add", name, before={}, after=after)


def set_password(ledger: Ledger, name: str, password: str, order: Order) -> None:
    """Give an account another password; its sessions end.

    Raises:
        ConfigError: there is no such account, or the password cannot be taken.
    """
    stored = passwords.hashed(password)
    with ledger.transaction() as connection:
        before = _locked(connection, name)
        connection.execute("UPDATE lockgate.admin_accounts SET password = %s WHERE id = %s", [stored, before.id])
        _changed(connection, before, order, "account password", {})


def set_role(ledger: Ledger, name: str, *, role: Role, tenants: Sequence[str] | None, order: Order) -> None:
    """Give an account another role, or other tenants; its sessions end.

    Raises:
        ConfigError: there is no such account, or nobody would be left who may manage accounts.
    """
    with ledger.transaction() as connection:
        connection.execute(_ONE_AT_A_TIME)
        before = _locked(connection, name)
        connection.execute(
            "UPDATE lockgate.admin_accounts SET role = %s, tenants = %s WHERE id = %s",
            [role, _given(tenants), before.id],
        )
        _somebody_is_left(connection, before)
        _changed(connection, before, order, "account role", {"role": role, "tenants": _given(tenants)})


def set_disabled(ledger: Ledger, name: str, order: Order, *, disabled: bool) -> None:
    """Let nobody sign in under a name, or let them again; its sessions end.

    Raises:
        ConfigError: there is no such account, or nobody would be left who may manage accounts.
    """
    with ledger.transaction() as connection:
        connection.execute(_ONE_AT_A_TIME)
        before = _locked(connection, name)
        connection.execute(
            "UPDATE lockgate.admin_accounts SET disabled_at = CASE WHEN %s THEN statement_timestamp() END WHERE id = %s",
            [disabled, before.id],
        )
        _somebody_is_left(connection, before)
        _changed(connection, before, order, "account disable" if disabled else "account enable", {"disabled": disabled})


def sign_in(connection: Connection, name: str, password: str) -> Person | None:
    """Whose name and password these are; None takes as long as a somebody."""
    row = connection.execute(_TO_SIGN_IN, [name]).fetchone()
    if not passwords.right(None if row is None else row[3], password) or row is None:
        return None
    return Person(name, Role(row[1]), None if row[2] is None else tuple(row[2]), row[0])


def _locked(connection: Connection, name: str) -> Account:
    row = connection.execute(_LOCK, [name]).fetchone()
    if row is None and name.startswith(PREFIX):
        raise ConfigError(f"{name} signs in through the OpenID provider, which says their role and has their password")
    if row is None:
        raise ConfigError(f"there is no account {name}: `lockgate admin user list` shows all")
    return _account(row)


def _account(row: Any) -> Account:
    return Account(row[0], row[1], Role(row[2]), row[3], row[4], row[5])


def _somebody_is_left(connection: Connection, before: Account) -> None:
    row = connection.execute(_LEFT).fetchone()
    if before.role is Role.ADMIN and before.disabled_at is None and row is not None and row[0] == 0:
        raise ConfigError(f"{before.name} is the last one who may manage accounts: make somebody else an admin first")


def _changed(connection: Connection, before: Account, order: Order, action: str, after: dict[str, Any]) -> None:
    connection.execute(_END_SESSIONS, [before.id])
    was = {"role": before.role, "tenants": before.tenants, "disabled": before.disabled_at is not None}
    audit.note(connection, order, action, before.name, before=was, after=was | after)


def _given(tenants: Sequence[str] | None) -> list[str] | None:
    return sorted(set(tenants)) if tenants else None
