"""Accounts and tokens: who may use the pages, and which programs the interface."""

from dataclasses import dataclass

from flask import url_for
from pydantic import Field

from admin.access import accounts, identities, passwords, people, tokens
from admin.access.accounts import Account
from admin.access.identities import Identity
from admin.access.person import Person, Role
from admin.access.tokens import Token
from admin.web.place import Place
from admin.web.route import Done, Reason, order, read
from ledger.audit import Order


class Changed(Reason):
    """Whether somebody may sign in."""

    disabled: bool


class Recast(Reason):
    """Another role."""

    role: Role
    tenants: str | None = Field(None, max_length=2000, description="Names with commas between; all when left out.")


class Fresh(Recast):
    """A new account; its password is made, and shown once."""

    name: str = Field(min_length=1, max_length=64)


class FreshToken(Fresh):
    """A new token, which is shown once."""

    days: int | None = Field(None, ge=1, le=3650)


@dataclass(frozen=True, slots=True)
class Access:
    """Everybody who may use the admin."""

    accounts: list[Account]
    identities: list[Identity]
    tokens: list[Token]
    roles: list[str]


@dataclass(frozen=True, slots=True)
class Once:
    """A secret that is shown this once."""

    whose: str
    secret: str


@read("/accounts", "accounts.html", needs=Role.ADMIN, everywhere=True)
def access(place: Place) -> Access:
    """Everybody who may use the admin."""
    with place.ledger.connection() as connection:
        return Access(
            accounts.listed(connection), identities.listed(connection), tokens.listed(connection),
            [str(role) for role in Role],
        )  # fmt: skip


@order("/accounts", needs=Role.ADMIN, everywhere=True)
def add_account(place: Place, person: Person, given: Fresh) -> Done:
    """Make an account; its password is shown this once."""
    password = passwords.make()
    accounts.add(
        place.ledger, given.name, password, role=given.role, tenants=_names(given.tenants), order=_order(person, given)
    )
    return _once(given.name, password)


@order("/accounts/<name>/disabled", needs=Role.ADMIN, everywhere=True)
def disable_account(place: Place, person: Person, name: str, given: Changed) -> Done:
    """Let nobody sign in under a name, or let them again."""
    people.set_disabled(place.ledger, name, _order(person, given), disabled=given.disabled)
    return _done(f"{name} may {'not sign in any more' if given.disabled else 'sign in again'}")


@order("/accounts/<name>/role", needs=Role.ADMIN, everywhere=True)
def recast_account(place: Place, person: Person, name: str, given: Recast) -> Done:
    """Give an account another role; its sessions end."""
    accounts.set_role(
        place.ledger, name, role=given.role, tenants=_names(given.tenants), order=_order(person, given)
    )  # fmt: skip
    return _done(f"{name} is {given.role} now, and has to sign in again")


@order("/accounts/<name>/password", needs=Role.ADMIN, everywhere=True)
def renew_password(place: Place, person: Person, name: str, given: Reason) -> Done:
    """Give an account another password, which is shown this once; its sessions end."""
    password = passwords.make()
    accounts.set_password(place.ledger, name, password, _order(person, given))
    return _once(name, password)


@order("/tokens", needs=Role.ADMIN, everywhere=True)
def add_token(place: Place, person: Person, given: FreshToken) -> Done:
    """Make a token, which is shown this once."""
    made = tokens.add(
        place.ledger, given.name, role=given.role, tenants=_names(given.tenants), days=given.days,
        order=_order(person, given),
    )  # fmt: skip
    return _once(f"token:{given.name}", made)


@order("/tokens/<name>/revoke", needs=Role.ADMIN, everywhere=True)
def revoke_token(place: Place, person: Person, name: str, given: Reason) -> Done:
    """Let a token open nothing any more."""
    tokens.revoke(place.ledger, name, _order(person, given))
    return _done(f"the token {name} opens nothing any more")


def _once(whose: str, secret: str) -> Done:
    return Done(f"{whose} may use the admin", url_for("page.access"), Once(whose, secret), once="once.html")


def _done(said: str) -> Done:
    return Done(said, url_for("page.access"))


def _order(person: Person, given: Reason) -> Order:
    return Order(person.name, given.because)


def _names(given: str | None) -> list[str] | None:
    return [name.strip() for name in given.split(",") if name.strip()] if given else None
