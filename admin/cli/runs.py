"""`lockgate deadletter plan`, `run` and `runs`: requeue many, after a look at what it would mean."""

from datetime import datetime
from typing import TYPE_CHECKING, Any

import click

from admin.cli.noun import as_json, because

if TYPE_CHECKING:
    from admin.cli.deployment import Deployment
    from ledger.run_letters import Counts
    from ledger.runs import Run

_CLASSES = ["transient", "rate_limited", "client", "ambiguous"]
_ORDERS = ["start", "pause", "resume", "cancel"]
_BAR, _SHORT = 30, 12
_NEEDS_A_PERSON = {"stopped", "paused"}


@click.command()
@click.argument("names", metavar="[ID…]", nargs=-1)
@click.option("--provider", help="This provider's.")
@click.option("--tenant", help="This tenant's.")
@click.option("--kind", help="Of this kind, such as stripe.take_payment.")
@click.option("--class", "error_class", type=click.Choice(_CLASSES), help="Of this error class.")
@click.option("--effect", type=click.Choice(["none", "unknown", "done"]), help="With this effect.")
@click.option("--fingerprint", help="Those that failed alike; `lockgate deadletter groups` shows the fingerprints.")
@click.option("--text", help="Whose reason, code or message holds this.")
@click.option("--since", type=click.DateTime(), help="Dead since then, UTC.")
@click.option("--until", type=click.DateTime(), help="Dead before then, UTC.")
@click.option("--all", "everything", is_flag=True, help="All open dead letters.")
@click.option("--name", default="", help="Of the run; made of the filter when not given.")
@click.option("--canary", type=click.IntRange(1), default=5, show_default=True, help="Letters that go first.")
@click.option(
    "--tolerate", type=click.IntRange(0), default=0, show_default=True,
    help="Letters that may come back as they had been before the run stops itself.",
)  # fmt: skip
@because
@as_json
def plan(
    names: tuple[str, ...], *, everything: bool, name: str, canary: int, tolerate: int, because: str, as_json: bool,
    **filters: Any,
) -> None:  # fmt: skip
    """Freeze the open dead letters that are meant, and say what requeuing them would mean; nothing is sent."""
    from admin.cli.deadletter import letter_of
    from admin.cli.deployment import Deployment, order
    from deadletter.plan import plan as planned
    from ledger.letters import Wanted

    asked = {what: _utc(value) for what, value in filters.items() if value is not None}
    if bool(names) + bool(asked) + everything != 1:
        raise click.UsageError("name dead letters by their ids, or give a filter, or --all: one of the three")
    here, who = Deployment(), order(because)
    if "provider" in asked and asked["provider"] != "local":
        here.registry.provider(asked["provider"])
    if str(asked.get("kind", "")).partition(".")[0] in here.registry.providers:  # else it is a plain task's
        here.registry.kind(asked["kind"])
    wanted = [letter_of(each) for each in names] if names else Wanted(**asked)
    made = planned(here.ledger, here.registry, wanted, who, name=name, canary=canary, tolerate=tolerate)
    _show(here, made, as_json=as_json)


@click.command()
@click.argument("number", metavar="RUN", type=int)
@click.argument("action", required=False, type=click.Choice(_ORDERS))
@click.option("--because", help="With an order: why; the audit keeps it with your name.")
@as_json
def run(number: int, action: str | None, *, because: str | None, as_json: bool) -> None:
    """Show a plan or a run; or start, pause, resume or cancel it. Exit code 1 while it needs a person."""
    from admin.cli.deployment import Deployment, order
    from config.errors import ConfigError
    from deadletter import run as orders
    from ledger import runs

    here = Deployment()
    if action is not None:
        if not (because or "").strip():
            raise click.UsageError(f'say why: lockgate deadletter run {number} {action} --because "…"')
        getattr(orders, action)(here.ledger, number, order(str(because)))
    with here.ledger.connection() as connection:
        found = runs.get(connection, number)
    if found is None:
        raise ConfigError(f"there is no run {number}: `lockgate deadletter runs` shows those there are")
    _show(here, found, as_json=as_json)
    if action is None and found.state in _NEEDS_A_PERSON:
        raise click.exceptions.Exit(1)


@click.command()
@click.option("--limit", type=click.IntRange(1, 1000), default=20, show_default=True, help="The newest so many.")
@as_json
def runs(*, limit: int, as_json: bool) -> None:
    """List plans and runs, the newest first; exit code 1 when one needs a person."""
    from admin.cli import paper
    from admin.cli.deployment import Deployment
    from ledger import run_letters
    from ledger import runs as kept

    with Deployment().ledger.connection() as connection:
        found = kept.listed(connection, limit=limit)
        counts = {one.id: run_letters.counts(connection, one.id) for one in found}
    if as_json:
        paper.write_json([_as_object(one, counts[one.id]) for one in found])
    elif not found:
        click.echo("no run was planned yet")
    else:
        rows = [
            (one.id, one.name, one.state, bar(counts[one.id], _SHORT), counts[one.id].succeeded, counts[one.id].back,
             paper.ago(one.planned_at), one.started_by or one.planned_by)
            for one in found
        ]  # fmt: skip
        paper.table(("run", "name", "state", "progress", "home", "back", "planned", "by"), rows)
    if any(one.state in _NEEDS_A_PERSON for one in found):
        raise click.exceptions.Exit(1)


def bar(counts: "Counts", width: int = _BAR) -> str:
    """How far a run is, as a line."""
    done = counts.ended * width // max(counts.total, 1)
    return f"{'█' * done}{'·' * (width - done)} {counts.ended}/{counts.total}"


def _utc(value: Any) -> Any:
    from datetime import UTC

    return value.replace(tzinfo=UTC) if isinstance(value, datetime) else value


def _as_object(one: "Run", counts: "Counts") -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(one), "counts": asdict(counts) | {"total": counts.total, "ended": counts.ended}}


def _show(here: "Deployment", one: "Run", *, as_json: bool) -> None:
    from admin.cli import paper
    from deadletter.plan import target
    from ledger import audit, run_letters

    with here.ledger.connection() as connection:
        counts = run_letters.counts(connection, one.id)
        changes = audit.entries(connection, target(one.id))
        back = run_letters.items(connection, one.id, state="back", limit=5)
    if as_json:
        paper.write_json(_as_object(one, counts) | {"audit": changes})
        return
    told = one.figures
    click.secho(f"run {one.id}  {one.name}  {one.state}", bold=True)
    more = "; the filter matches more, plan again for the rest" if told["more"] else ""
    oldest = told["oldest"][:19].replace("T", " ")
    paper.facts(
        {
            "letters": f"{told['count']} may be requeued, the oldest dead since {oldest}{more}",
            "tenants": f"{told['tenants_touched']}: {_counted(told['tenants'])}",
            "kinds": _counted(told["kinds"]),
            "asked first": f"{told['asks_first']} (the provider is asked before anything is sent)",
            "key expired": f"{told['key_expired']} (the provider may have forgotten the key)",
            "later work": f"{told['later_work']} (the same entity has work that was accepted later)",
            "may not": "; ".join(f"{count}: {why}" for why, count in told["refused"].items()),
            "takes": f"at least {paper.lasting(told['seconds'])}, as {told['bound_by']} allows"
            if told["seconds"]
            else "",
            "canary": f"{one.canary}, and {one.tolerate} may come back",
            "progress": bar(counts),
            "home": f"{counts.succeeded} succeeded, {counts.declined} declined",
            "not home": f"{counts.sent} on their way, {counts.back} came back, {counts.gone} gone, {counts.skipped} skipped",
            "why": one.why,
        }
    )
    for each in back:
        click.echo(f"came back: {each.why}")
    for change in changes:
        click.echo(f"{paper.shown(change.at)}  {change.actor}: {change.action}, because {change.because}")
    _write_next(one, counts)


def _write_next(one: "Run", counts: "Counts") -> None:
    this = f"lockgate deadletter run {one.id}"
    click.echo()
    match one.state:
        case "planned" | "stopped" | "paused":
            word = "start" if one.state == "planned" else "resume"
            click.secho(f'Next: {this} {word} --because "…"', bold=True)
        case "canary" | "running":
            click.secho(f"Next: {this}", bold=True)
            click.echo(f'It goes on by itself; `{this} pause --because "…"` holds it.')
        case _ if counts.back or counts.skipped:
            click.secho("Next: lockgate deadletter groups, for some are dead again or were left out", bold=True)
        case _:
            click.secho("Next: lockgate deadletter groups", bold=True)


def _counted(found: dict[str, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in found.items())
