"""Everybody who may sign in, whichever way: what is done alike to accounts and identities."""

from admin.access import accounts, identities
from admin.access.accounts import Account
from admin.access.identities import Identity
from admin.access.openid.claims import PREFIX
from ledger.audit import Order
from ledger.session import Connection, Ledger


def listed(connection: Connection) -> list[Account | Identity]:
    """All accounts by name, then everybody who ever came through an OpenID provider."""
    return [*accounts.listed(connection), *identities.listed(connection)]


def set_disabled(ledger: Ledger, name: str, order: Order, *, disabled: bool) -> None:
    """Let nobody sign in under a name, or let them again; its sessions end.

    Raises:
        ConfigError: there is nobody of that name, or nobody would be left who may manage accounts.
    """
    change = identities.set_disabled if name.startswith(PREFIX) else accounts.set_disabled
    change(ledger, name, order, disabled=disabled)
