"""`lockgate admin`: the operators' pages, and who may use them."""

from typing import Any

import click

from admin.cli.noun import Noun, as_json

_ROLES = ("viewer", "operator", "admin")
_role = click.option(
    "--role", type=click.Choice(_ROLES), required=True,
    help="viewer looks, operator decides about dead letters and providers, admin manages accounts.",
)  # fmt: skip
_tenants = click.option("--tenant", "tenants", multiple=True, help="Only this tenant's work; may be repeated.")
_why = click.option("--because", default="by command", show_default=True, help="Why; the audit keeps it.")
_ask = click.option("--ask", is_flag=True, help="Ask for a password; without it one is made, and shown once.")


@click.group(cls=Noun)
def admin() -> None:
    """The operators' pages, and who may use them."""


@admin.command()
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65_535), default=5556, show_default=True, help="0 takes a free one.")
@click.option(
    "--behind-proxy", is_flag=True,
    help="Only a proxy of yours reaches the port, and sets X-Forwarded-For: needed on an address others can reach.",
)  # fmt: skip
@click.option("--threads", type=click.IntRange(1, 64), default=8, show_default=True, help="Pages made at once.")
def serve(host: str, port: int, *, behind_proxy: bool, threads: int) -> None:
    """Serve the pages and the JSON interface until it is told to end."""
    from admin.web.serve import serve as served

    served(host, port, behind_proxy=behind_proxy, threads=threads)


@admin.group(cls=Noun)
def user() -> None:
    """Accounts of people."""


@user.command(name="add")
@click.argument("name")
@_role
@_tenants
@_ask
@_why
def add_user(name: str, *, role: str, tenants: tuple[str, ...], ask: bool, because: str) -> None:
    """Make an account."""
    from admin.access import accounts
    from admin.access.person import Role
    from admin.cli.deployment import Deployment, order

    here, password = Deployment(), _password(ask=ask)
    accounts.add(here.ledger, name, password, role=Role(role), tenants=tenants, order=order(because))
    _told(f"{name} may sign in, as {role}", password, ask=ask)


@user.command(name="password")
@click.argument("name")
@_ask
@_why
def set_password(name: str, *, ask: bool, because: str) -> None:
    """Give an account another password; its sessions end."""
    from admin.access import accounts
    from admin.cli.deployment import Deployment, order

    here, password = Deployment(), _password(ask=ask)
    accounts.set_password(here.ledger, name, password, order(because))
    _told(f"{name} has another password", password, ask=ask)


@user.command(name="role")
@click.argument("name")
@_role
@_tenants
@_why
def set_role(name: str, *, role: str, tenants: tuple[str, ...], because: str) -> None:
    """Give an account another role, or other tenants; its sessions end."""
    from admin.access import accounts
    from admin.access.person import Role
    from admin.cli.deployment import Deployment, order

    accounts.set_role(Deployment().ledger, name, role=Role(role), tenants=tenants, order=order(because))
    click.echo(f"{name} is {role} now, and has to sign in again")


@user.command()
@click.argument("name")
@_why
def disable(name: str, *, because: str) -> None:
    """Let nobody sign in under this name, whatever an OpenID provider says; its sessions end at once."""
    from admin.access import people
    from admin.cli.deployment import Deployment, order

    people.set_disabled(Deployment().ledger, name, order(because), disabled=True)
    click.echo(f"{name} may not sign in any more")


@user.command()
@click.argument("name")
@_why
def enable(name: str, *, because: str) -> None:
    """Let somebody sign in again."""
    from admin.access import people
    from admin.cli.deployment import Deployment, order

    people.set_disabled(Deployment().ledger, name, order(because), disabled=False)
    click.echo(f"{name} may sign in again")


@user.command(name="list")
@as_json
def list_users(*, as_json: bool) -> None:
    """List the accounts, and everybody who came through an OpenID provider."""
    from admin.access import people
    from admin.cli.deployment import Deployment

    with Deployment().ledger.connection() as connection:
        found = people.listed(connection)
    _write(found, ("name", "role", "tenants", "through", "created_at", "disabled_at"), as_json=as_json)


@admin.group(cls=Noun)
def token() -> None:
    """Tokens of programs that use the JSON interface."""


@token.command(name="add")
@click.argument("name")
@_role
@_tenants
@click.option("--days", type=click.IntRange(1, 3650), help="It ends after so many days; it stays when not given.")
@_why
def add_token(name: str, *, role: str, tenants: tuple[str, ...], days: int | None, because: str) -> None:
    """Make a token; it is shown this once."""
    from admin.access import tokens
    from admin.access.person import Role
    from admin.cli.deployment import Deployment, order

    made = tokens.add(
        Deployment().ledger, name, role=Role(role), tenants=tenants, days=days, order=order(because)
    )  # fmt: skip
    click.echo(f"{name} may use the interface, as {role}; the token, which is not shown again:", err=True)
    click.echo(made)


@token.command()
@click.argument("name")
@_why
def revoke(name: str, *, because: str) -> None:
    """Let a token open nothing any more."""
    from admin.access import tokens
    from admin.cli.deployment import Deployment, order

    tokens.revoke(Deployment().ledger, name, order(because))
    click.echo(f"the token {name} opens nothing any more")


@token.command(name="list")
@as_json
def list_tokens(*, as_json: bool) -> None:
    """List the tokens, without what they are."""
    from admin.access import tokens
    from admin.cli.deployment import Deployment

    with Deployment().ledger.connection() as connection:
        found = tokens.listed(connection)
    _write(found, ("name", "role", "tenants", "created_at", "expires_at", "revoked_at"), as_json=as_json)


def _password(*, ask: bool) -> str:
    from admin.access import passwords

    if not ask:
        return passwords.make()
    given: str = click.prompt("Password", hide_input=True, confirmation_prompt=True)
    return given


def _told(said: str, password: str, *, ask: bool) -> None:
    """What was done; a password that we made goes to standard output alone, so that a script may take it."""
    click.echo(said if ask else f"{said}; the password, which is not shown again:", err=not ask)
    if not ask:
        click.echo(password)


def _write(found: list[Any], columns: tuple[str, ...], *, as_json: bool) -> None:
    from admin.cli import paper

    if as_json:
        paper.write_json(found)
        return
    paper.table(columns, [[_cell(getattr(one, name)) for name in columns] for one in found])


def _cell(value: Any) -> Any:
    return ", ".join(value) if isinstance(value, list) else value
