"""`lockgate provider`: how the way to each provider stands, and to hold it back or let it flow by hand."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal

import click

from admin.cli.noun import Noun, as_json, because

if TYPE_CHECKING:
    from admin.cli.deployment import Deployment
    from ledger.session import Connection


@click.group(cls=Noun)
def provider() -> None:
    """Providers: breaker, limits, pauses and what waits."""


@provider.command()
@click.argument("name", metavar="[PROVIDER]", required=False)
@as_json
def status(name: str | None, *, as_json: bool) -> None:
    """Show how the way to each provider stands, or to one."""
    from admin.cli import paper
    from admin.cli.deployment import Deployment
    from admin.cli.standing import standings, trouble, write

    here = Deployment()
    names = [here.registry.provider(name).name] if name else list(here.registry.providers)
    found = standings(here, names)
    if as_json:
        paper.write_json(found)
    else:
        write(found)
    for sentence in trouble(found, named=name is not None):
        click.echo(f"Error: {sentence}", err=True)
    if trouble(found, named=name is not None):
        raise click.exceptions.Exit(1)


@provider.command()
@click.argument("name", metavar="PROVIDER")
@click.option("--tenant", help="Only this tenant's work.")
@click.option("--kind", help="Only this kind, such as take_payment.")
@because
@as_json
def pause(name: str, *, tenant: str | None, kind: str | None, because: str, as_json: bool) -> None:
    """Hold work back: calls under way end, no other begins, and deadlines wait meanwhile."""
    from admin.cli.deployment import Deployment, order
    from ledger import audit, pauses
    from operations.errors import NotAllowedError

    here, who = Deployment(), order(because)
    names = _names(here, name, kind)
    what = _scope(names["provider"], tenant, names["kind"])
    with _changing(here) as connection:
        fresh = pauses.pause(
            connection,
            names["provider"],
            cause="person",
            by=who.actor,
            because=because,
            tenant=tenant,
            kind=names["kind"],
        )
        if not fresh:
            raise NotAllowedError(f"{what} is paused already: `lockgate provider status {name}` shows by whom")
        after = {"paused": True, "tenant": tenant, "kind": names["kind"]}
        audit.note(connection, who, "pause", name, before={"paused": False}, after=after)
    _say(
        {"provider": name, **after},
        f"{what} is paused; `lockgate provider resume {name}` lets it flow again",
        as_json=as_json,
    )


@provider.command()
@click.argument("name", metavar="PROVIDER")
@click.option("--tenant", help="Only the pauses of this tenant.")
@click.option("--kind", help="Only the pauses of this kind.")
@because
@as_json
def resume(name: str, *, tenant: str | None, kind: str | None, because: str, as_json: bool) -> None:
    """Lift pauses, a person's and those for refused credentials; the time that was paused does not count."""
    from dataclasses import asdict

    from admin.cli.deployment import Deployment, order
    from ledger import audit, pauses
    from operations.errors import NotAllowedError

    here, who = Deployment(), order(because)
    names = _names(here, name, kind)
    with _changing(here) as connection:
        before = [
            asdict(each) | {"since": each.since.isoformat()} for each in pauses.in_force(connection, names["provider"])
        ]
        lifted = pauses.lift(connection, names["provider"], tenant=tenant, kind=names["kind"])
        if not lifted:
            raise NotAllowedError(f"nothing of {_scope(names['provider'], tenant, names['kind'])} is paused")
        after = {"paused": False, "tenant": tenant, "kind": names["kind"], "lifted": lifted}
        audit.note(connection, who, "resume", name, before={"pauses": before}, after=after)
    _say({"provider": name, **after}, f"{lifted} pause{'s' if lifted > 1 else ''} of {name} lifted", as_json=as_json)


@provider.group(cls=Noun)
def breaker() -> None:
    """Hold a provider's breaker open or closed, or release it to judge by itself."""


@breaker.command(name="open")
@click.argument("name", metavar="PROVIDER")
@because
@as_json
def open_(name: str, *, because: str, as_json: bool) -> None:
    """Hold it open: nothing is sent, nothing probes, and no attempt is used up."""
    _hold(name, "open", because, as_json=as_json)


@breaker.command()
@click.argument("name", metavar="PROVIDER")
@because
@as_json
def close(name: str, *, because: str, as_json: bool) -> None:
    """Hold it closed: calls are made whatever they say of the provider's health."""
    _hold(name, "closed", because, as_json=as_json)


@breaker.command()
@click.argument("name", metavar="PROVIDER")
@because
@as_json
def release(name: str, *, because: str, as_json: bool) -> None:
    """Let it judge by itself again."""
    _hold(name, "", because, as_json=as_json)


def _hold(name: str, how: Literal["", "open", "closed"], because: str, *, as_json: bool) -> None:
    """The order is a row in PostgreSQL; Redis gets its copy at once, or from the sweep when it is away."""
    import redis

    from admin.cli.deployment import Deployment, order
    from ledger import audit, breakers
    from operations.errors import NotAllowedError
    from resilience import restore

    here, who = Deployment(), order(because)
    name = here.registry.provider(name).name
    with _changing(here) as connection:
        before = breakers.held(connection, name)
        if how:
            breakers.hold(connection, name, how, who)
        elif not breakers.release(connection, name):
            raise NotAllowedError(f"nobody holds the breaker of {name}: it judges by itself")
        was = {"held": before.held, "by": before.by, "because": before.because} if before else {"held": ""}
        audit.note(connection, who, f"breaker {how or 'release'}", name, before=was, after={"held": how})
    try:
        restore.hold(here.redis, name, how)
    except redis.RedisError:
        click.echo("Redis cannot be reached; a worker's sweep tells it when it is back", err=True)
    said = f"the breaker of {name} is held {how}" if how else f"the breaker of {name} judges by itself again"
    _say({"provider": name, "held": how}, said, as_json=as_json)


@contextmanager
def _changing(here: "Deployment") -> "Iterator[Connection]":
    with here.ledger.transaction() as connection:
        yield connection


def _names(here: "Deployment", provider: str, kind: str | None) -> dict[str, Any]:
    found = here.registry.provider(provider)
    whole = None if kind is None else f"{found.name}.{kind.removeprefix(f'{found.name}.')}"
    return {"provider": found.name, "kind": here.registry.kind(whole).name if whole else None}


def _scope(provider: str, tenant: str | None, kind: str | None) -> str:
    return (kind or provider) + (f" of tenant {tenant}" if tenant else "")


def _say(value: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    from admin.cli import paper

    if as_json:
        paper.write_json(value)
    else:
        click.echo(sentence)
