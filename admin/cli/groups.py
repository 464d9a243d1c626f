"""`lockgate deadletter groups` and `group`: what failed alike, who is at it, and whether its cause is mended."""

from typing import TYPE_CHECKING, Any

import click

from admin.cli.noun import as_json

if TYPE_CHECKING:
    from admin.cli.deployment import Deployment
    from ledger.groups import Group

_BARS = "▁▂▃▄▅▆▇█"
_STATUSES = ["unsettled", "all", "open", "acknowledged", "ignored", "resolved", "reopened"]


@click.command(name="groups")
@click.option("--provider", help="Only this provider's.")
@click.option("--tenant", help="Only those that touch this tenant now.")
@click.option("--kind", help="Only of this kind, such as stripe.take_payment.")
@click.option("--effect", type=click.Choice(["none", "unknown", "done"]), help="Only those with this effect.")
@click.option("--text", help="Only those whose reason, code or message holds this.")
@click.option(
    "--status", type=click.Choice(_STATUSES), default="unsettled", show_default=True,
    help="unsettled: with open letters, and not ignored.",
)  # fmt: skip
@click.option("--limit", type=click.IntRange(1, 1000), default=50, show_default=True, help="The latest so many.")
@as_json
def groups(*, as_json: bool, **filters: Any) -> None:
    """List what failed alike, the latest first; exit code 1 when something needs a person."""
    from admin.cli.deployment import Deployment

    needed = write_groups(Deployment(), filters, as_json=as_json)
    if needed and filters["status"] == "unsettled":
        raise click.exceptions.Exit(1)


@click.command(name="group")
@click.argument("fingerprint")
@click.argument(
    "action", required=False,
    type=click.Choice(["acknowledge", "ignore", "resolve", "reopen", "assign", "tag", "note"]),
)  # fmt: skip
@click.option("--because", help="With an action: why; the audit keeps it with your name.")
@click.option("--for", "hours", type=click.FloatRange(0, min_open=True), help="With ignore: for so many hours.")
@click.option("--rate", type=click.IntRange(0), help="With ignore: until more than so many come within an hour.")
@click.option("--to", help="With assign: who is at it; nobody when it is not given.")
@click.option("--add", multiple=True, help="With tag: a tag to add.")
@click.option("--remove", multiple=True, help="With tag: a tag to take away.")
@as_json
def group(fingerprint: str, action: str | None, *, because: str | None, as_json: bool, **more: Any) -> None:
    """Show one group: its letters, whom it touches, what people said of it; or change how it stands."""
    from admin.cli.deployment import Deployment

    here = Deployment()
    if action is not None:
        if not (because or "").strip():
            raise click.UsageError(f'say why: lockgate deadletter group {fingerprint} {action} --because "…"')
        _change(here, fingerprint, action, str(because), more)
    _show(here, fingerprint, as_json=as_json)


def write_groups(here: "Deployment", filters: dict[str, Any], *, as_json: bool) -> bool:
    """A line for each group that a filter names; whether there was any."""
    from admin.cli import paper
    from ledger import groups

    groups.fold(here.ledger)
    known = {
        name: filters[name] for name in ("provider", "tenant", "kind", "effect", "text", "limit") if name in filters
    }
    status = filters["status"] if filters.get("status") in _STATUSES and "fingerprint" not in filters else "unsettled"
    with here.ledger.connection() as connection:
        found = groups.listed(connection, groups.Wanted(status=status, **known))
        hours = groups.hours(connection, [one.fingerprint for one in found])
    if as_json:
        paper.write_json([as_object(one) | {"hours": hours[one.fingerprint]} for one in found])
    elif not found:
        click.echo("no group of dead letters is open" if status == "unsettled" else f"no group is {status}")
    else:
        columns = ("fingerprint", "open", "seen", "kind", "why", "effect", "status", "tenants", "24 h", "last")
        rows = [
            (
                one.fingerprint, one.open, one.seen, one.kind, one.code or one.reason, one.effect, one.status, one.tenants,
                sparkline(hours[one.fingerprint]), paper.ago(one.last_at),
            )
            for one in found
        ]  # fmt: skip
        paper.table(columns, rows, spare=("24 h", "tenants", "seen"))
        waiting = next((one for one in found if one.open), None)
        if waiting is not None:
            click.echo()
            click.secho(f"Next: lockgate deadletter group {waiting.fingerprint}", bold=True)
    if len(found) == known.get("limit"):
        click.echo(f"these are the first {len(found)}; --limit shows more", err=True)
    return bool(found)


def as_object(one: "Group") -> dict[str, Any]:
    """A group for programs."""
    from dataclasses import asdict

    return asdict(one)


def sparkline(counts: list[int]) -> str:
    """Numbers as a line of bars; a dot where there is none."""
    most = max(counts, default=0)
    return "".join("·" if not count else _BARS[(count * len(_BARS) - 1) // most] for count in counts)


def _change(here: "Deployment", fingerprint: str, action: str, why: str, more: dict[str, Any]) -> None:
    from admin.cli.deployment import order
    from deadletter import groups as deciding

    who = order(why)
    match action:
        case "ignore":
            seconds = None if more["hours"] is None else more["hours"] * 3600.0
            deciding.ignore(here.ledger, fingerprint, who, seconds=seconds, rate=more["rate"])
        case "assign":
            deciding.assign(here.ledger, fingerprint, who, more["to"])
        case "tag":
            deciding.tag(here.ledger, fingerprint, who, add=more["add"], remove=more["remove"])
        case _:
            getattr(deciding, action)(here.ledger, fingerprint, who)


def _show(here: "Deployment", fingerprint: str, *, as_json: bool) -> None:
    from admin.cli import paper
    from config.errors import ConfigError
    from deadletter.groups import target
    from ledger import audit, groups

    groups.fold(here.ledger)
    with here.ledger.connection() as connection:
        one = groups.get(connection, fingerprint)
        hours = groups.hours(connection, [fingerprint])[fingerprint]
        touched = groups.tenants(connection, fingerprint)
        changes = audit.entries(connection, target(fingerprint))
    if one is None:
        raise ConfigError(
            f"there is no group {fingerprint}: `lockgate deadletter groups --status all` shows those there are"
        )
    if as_json:
        paper.write_json(as_object(one) | {"hours": hours, "touched": touched, "audit": changes})
        return
    click.secho(f"{one.fingerprint}  {one.kind}  {one.reason}  {one.code or ''}", bold=True)
    until = f" until {paper.shown(one.ignore_until)}" if one.ignore_until else ""
    rate = f" up to {one.ignore_rate} an hour" if one.ignore_rate is not None else ""
    paper.facts(
        {
            "message": one.message,
            "effect": one.effect,
            "status": f"{one.status}{until}{rate}, by {one.status_by} since {paper.shown(one.status_at)}",
            "open": f"{one.open} of {one.seen}",
            "first, last": f"{paper.shown(one.first_at)}, {paper.shown(one.last_at)}",
            "last 24 h": sparkline(hours),
            "tenants": ", ".join(f"{each.tenant} ({each.open})" for each in touched),
            "assignee": one.assignee,
            "tags": ", ".join(one.tags),
            "newest": f"dl_{one.newest}",
        }
    )
    for change in changes:
        click.echo(f"{paper.shown(change.at)}  {change.actor}: {change.action}, because {change.because}")
    click.echo()
    _write_next(here, one)


def _write_next(here: "Deployment", one: "Group") -> None:
    """What is sensible about all of a group: what the newest of it asks for."""
    from deadletter.dossier import dossier
    from ledger import letters

    with here.ledger.connection() as connection:
        newest = letters.listed(connection, letters.Wanted(fingerprint=one.fingerprint, limit=1))
    told = dossier(here.ledger, here.registry, newest[0].id) if newest else None
    if told is None:
        why = f"; `lockgate deadletter group {one.fingerprint} resolve` says that its cause is mended"
        click.secho(f"Next: nothing, none of them is open{why if one.status != 'resolved' else ''}", bold=True)
        return
    click.echo(f"Why: {told.step.why}")
    if told.step.action == "requeue":
        click.secho(f'Next: lockgate deadletter plan --fingerprint {one.fingerprint} --because "…"', bold=True)
    else:
        click.secho(f"Next: lockgate deadletter show {told.dead.letter.name}", bold=True)
