"""`lockgate provider`: how the way to each provider stands, and to hold it back or let it flow by hand."""

from typing import TYPE_CHECKING, Any, Literal

import click

from admin.cli.noun import Noun, as_json, because

if TYPE_CHECKING:
    from admin.cli.deployment import Deployment


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
    wrong = trouble(found, named=name is not None) + ([] if name else _strange(here))
    for sentence in wrong:
        click.echo(f"Error: {sentence}", err=True)
    if wrong:
        raise click.exceptions.Exit(1)


def _strange(here: "Deployment") -> list[str]:
    """Messages that workers dropped lately; where Redis does not answer, that is said already."""
    import redis

    from tasks.strange import look

    try:
        found = look(here.redis)
    except redis.RedisError:
        return []
    return [found.sentence] if found else []


@provider.command()
@click.argument("name", metavar="PROVIDER")
@click.option("--tenant", help="Only this tenant's work.")
@click.option("--kind", help="Only this kind, such as take_payment.")
@because
@as_json
def pause(name: str, *, tenant: str | None, kind: str | None, because: str, as_json: bool) -> None:
    """Hold work back: calls under way end, no other begins, and deadlines wait meanwhile."""
    from admin import steer
    from admin.cli.deployment import Deployment, order

    here = Deployment()
    what = steer.scope(here, name, tenant, kind)
    steer.pause(here, what, order(because))
    _say(
        {"provider": name, "paused": True, "tenant": tenant, "kind": what.kind},
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
    from admin import steer
    from admin.cli.deployment import Deployment, order

    here = Deployment()
    what = steer.scope(here, name, tenant, kind)
    lifted = steer.resume(here, what, order(because))
    after = {"provider": name, "paused": False, "tenant": tenant, "kind": what.kind, "lifted": lifted}
    _say(after, f"{lifted} pause{'s' if lifted > 1 else ''} of {name} lifted", as_json=as_json)


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


@provider.group(cls=Noun)
def limit() -> None:
    """Lower what may be sent to a provider for a while, beside the limits of its file."""


def _lasting(_: click.Context, parameter: click.Parameter, value: str) -> float:
    from config.units import seconds

    try:
        return seconds(value)
    except ValueError as error:
        raise click.BadParameter(str(error), param=parameter) from None


@limit.command()
@click.argument("name", metavar="PROVIDER")
@click.option("--calls", type=click.IntRange(1), required=True, help="So many calls, all together, ...")
@click.option("--per", callback=_lasting, default="1s", show_default=True, help="... in any window of this length.")
@click.option("--for", "time", callback=_lasting, required=True, metavar="TIME", help="Ends by itself, such as 2h.")
@click.option("--tenant", help="Only this tenant's work.")
@click.option("--kind", help="Only this kind, such as take_payment.")
@because
@as_json
def lower(
    name: str, *, calls: int, per: float, time: float, tenant: str | None, kind: str | None, because: str, as_json: bool
) -> None:
    """Lower it for a while; the file's limits hold beside it, and no attempt is used up by waiting."""
    from admin import steer
    from admin.cli import paper
    from admin.cli.deployment import Deployment, order

    here = Deployment()
    what = steer.scope(here, name, tenant, kind)
    ends_at, told = steer.lower(here, what, steer.Pace(calls, per, time), order(because))
    _late(told=told)
    after = {"provider": name, "tenant": tenant, "kind": what.kind, "calls": calls, "per": per, "ends_at": ends_at}
    said = f"{what} is lowered to {calls} in {per:g} s until {paper.shown(ends_at)}"
    _say(after, f"{said}; `lockgate provider limit lift {name}` ends that earlier", as_json=as_json)


@limit.command()
@click.argument("name", metavar="PROVIDER")
@click.option("--tenant", help="Only the limit of this tenant.")
@click.option("--kind", help="Only the limit of this kind.")
@because
@as_json
def lift(name: str, *, tenant: str | None, kind: str | None, because: str, as_json: bool) -> None:
    """End lowered limits before their time: the file's alone hold again."""
    from admin import steer
    from admin.cli.deployment import Deployment, order

    here = Deployment()
    what = steer.scope(here, name, tenant, kind)
    lifted, told = steer.lift(here, what, order(because))
    _late(told=told)
    _say(
        {"provider": name, "lifted": lifted}, f"{lifted} lowered limit{'s' if lifted > 1 else ''} of {what} ended",
        as_json=as_json,
    )  # fmt: skip


def _late(*, told: bool) -> None:
    if not told:
        click.echo("Redis cannot be reached; a worker's sweep tells it when it is back", err=True)


def _hold(name: str, how: Literal["", "open", "closed"], because: str, *, as_json: bool) -> None:
    from admin import steer
    from admin.cli.deployment import Deployment, order

    here, who = Deployment(), order(because)
    name = here.registry.provider(name).name
    _late(told=steer.hold(here, name, how, who))
    said = f"the breaker of {name} is held {how}" if how else f"the breaker of {name} judges by itself again"
    _say({"provider": name, "held": how}, said, as_json=as_json)


def _say(value: dict[str, Any], sentence: str, *, as_json: bool) -> None:
    from admin.cli import paper

    if as_json:
        paper.write_json(value)
    else:
        click.echo(sentence)
