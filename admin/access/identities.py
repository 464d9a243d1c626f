"""People whom an OpenID provider signs in: no password, and the role that the provider gave them when they last came."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from admin.access.openid.claims import Known
from admin.access.openid.refused import NoRoleError
from admin.access.person import Person, Role
from config.errors import ConfigError
from ledger import audit
from ledger.audit import Order
from ledger.session import Connection, Ledger

_COLUMNS = "id, name, role, tenants, created_at, disabled_at, issuer, subject, seen_at"
_LIST = f"SELECT {_COLUMNS} FROM lockgate.admin_identities ORDER BY name"  # noqa: S608  made of the names above
_OF = f"SELECT {_COLUMNS} FROM lockgate.admin_identities WHERE issuer = %s AND subject = %s FOR UPDATE"  # noqa: S608
_NAMED = f"SELECT {_COLUMNS} FROM lockgate.admin_identities WHERE name = %s FOR UPDATE"  # noqa: S608
_ADD = """
INSERT INTO lockgate.admin_identities (issuer, subject, name, role, tenants) VALUES (%s, %s, %s, %s, %s)
ON CONFLICT (issuer, subject) DO NOTHING
"""
_CAME = """
UPDATE lockgate.admin_identities SET role = %s, tenants = %s, seen_at = statement_timestamp() WHERE id = %s
"""
_DISABLE = """
UPDATE lockgate.admin_identities SET disabled_at = CASE WHEN %s THEN statement_timestamp() END WHERE id = %s
"""
_END_SESSIONS = "DELETE FROM lockgate.admin_sessions WHERE identity_id = %s"


@dataclass(frozen=True, slots=True)
class Identity:
    """Somebody who came through the OpenID provider.

    Attributes:
        name: as the audit names them; it stays what it was when they came first.
        role, tenants: as the provider said when they last came.
        seen_at: when that was.
    """

    id: int
    name: str
    role: Role
    tenants: list[str] | None
    created_at: datetime
    disabled_at: datetime | None
    issuer: str
    subject: str
    seen_at: datetime

    @property
    def through(self) -> str:
        """How they sign in."""
        return self.issuer


def listed(connection: Connection) -> list[Identity]:
    """Everybody who ever came, by name."""
    return [_identity(row) for row in connection.execute(_LIST).fetchall()]


def came(ledger: Ledger, who: Known) -> Person:
    """Let somebody in whom the provider has named; with another role or other tenants than before, their sessions end.

    Raises:
        NoRoleError: an admin of ours has shut them out.
    """
    now = {"role": who.role, "tenants": who.tenants}
    with ledger.transaction() as connection:
        added = connection.execute(_ADD, [who.issuer, who.subject, who.name, who.role, who.tenants]).rowcount
        found = _one(connection, _OF, [who.issuer, who.subject])
        assert found is not None
        order = Order(found.name, f"signed in through {who.issuer}")
        if added:
            audit.note(connection, order, "identity add", found.name, before={}, after=now | {"subject": who.subject})
        if found.disabled_at is None:
            before = {"role": found.role, "tenants": found.tenants}
            if before != now:
                connection.execute(_END_SESSIONS, [found.id])
                audit.note(connection, order, "identity role", found.name, before=before, after=now)
            connection.execute(_CAME, [who.role, who.tenants, found.id])
            tenants = None if who.tenants is None else tuple(who.tenants)
            return Person(found.name, who.role, tenants, identity=found.id)
    raise NoRoleError("You may not sign in here any more: an admin has shut you out. Ask whoever manages accounts.")


def kept_out(ledger: Ledger, issuer: str, *, subject: str, name: str, because: str) -> None:
    """Somebody whom the provider gives no role any more: their sessions end, and the audit says so."""
    with ledger.transaction() as connection:
        found = _one(connection, _OF, [issuer, subject])
        ended = connection.execute(_END_SESSIONS, [found.id]).rowcount if found else 0
        name = found.name if found else name
        audit.note(
            connection, Order(name, because), "sign-in refused", name, before={}, after={"sessions ended": ended}
        )  # fmt: skip


def set_disabled(ledger: Ledger, name: str, order: Order, *, disabled: bool) -> None:
    """Shut somebody out whatever the provider says, or let them again; their sessions end.

    Raises:
        ConfigError: nobody of that name ever came.
    """
    with ledger.transaction() as connection:
        found = _one(connection, _NAMED, [name])
        if found is None:
            raise ConfigError(f"nobody came as {name} yet: `lockgate admin user list` shows all")
        connection.execute(_DISABLE, [disabled, found.id])
        connection.execute(_END_SESSIONS, [found.id])
        audit.note(
            connection, order, "identity disable" if disabled else "identity enable", name,
            before={"disabled": found.disabled_at is not None}, after={"disabled": disabled},
        )  # fmt: skip


def _one(connection: Connection, statement: str, values: list[Any]) -> Identity | None:
    row = connection.execute(statement, values).fetchone()
    return None if row is None else _identity(row)


def _identity(row: Any) -> Identity:
    return Identity(row[0], row[1], Role(row[2]), *row[3:])
