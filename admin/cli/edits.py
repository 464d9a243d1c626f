"""`lockgate deadletter edit`, `edits`, `approve` and `reject`: the same intent with corrected arguments."""

import json
from typing import TYPE_CHECKING, Any

import click

from admin.cli.noun import as_json, because

if TYPE_CHECKING:
    from ledger.edits import Edit


@click.command()
@click.argument("name", metavar="ID")
@click.option(
    "--set", "changes", multiple=True, metavar="FIELD=VALUE", help="A corrected argument; VALUE as JSON, or text."
)
@click.option("--because", help="Why; the audit keeps it with your name.")
@as_json
def edit(name: str, *, changes: tuple[str, ...], because: str | None, as_json: bool) -> None:
    """Send it with a new key, corrected or as it is, where nothing happened for sure; money waits for a second person.

    Without --set and --because, show the arguments that there are. It goes out as the next generation of its business key.
    """
    from admin.cli import paper
    from admin.cli.deadletter import letter_of
    from admin.cli.deployment import order
    from tasks import edit as editing
    from tasks.platform import platform

    letter_id = letter_of(name)
    if not changes and because is None:
        known = editing.arguments(platform(), letter_id)
        if as_json:
            paper.write_json(known)
        else:
            paper.facts({field: json.dumps(value, ensure_ascii=False) for field, value in known.items()})
            click.echo()
            click.secho(f'Next: lockgate deadletter edit dl_{letter_id} --set FIELD=VALUE --because "…"', bold=True)
        return
    if not (because or "").strip():
        raise click.UsageError(f'say why: lockgate deadletter edit {name} --set FIELD=VALUE --because "…"')
    made = editing.propose(platform(), letter_id, dict(_pair(each) for each in changes), order(str(because)))
    said = (
        f"edit {made.id} of dl_{letter_id} waits: it is money, and somebody else must say "
        f'`lockgate deadletter approve {made.id} --because "…"`'
    )
    if made.state == "applied":
        how = f"with {', '.join(made.fields)} corrected" if made.fields else "as it was, with a new key"
        said = f"dl_{letter_id} is superseded by {made.new_operation_id}, which goes out {how}"
    _say(made, said, as_json=as_json)


@click.command()
@as_json
def edits(*, as_json: bool) -> None:
    """List corrections that wait for a second person; exit code 1 when there is one."""
    from admin.cli import paper
    from admin.cli.deployment import Deployment
    from ledger import edits as kept

    ledger = Deployment().ledger
    with ledger.connection() as connection:
        found = kept.waiting(ledger, connection)
    if as_json:
        paper.write_json([as_object(one) for one in found])
    elif not found:
        click.echo("no correction waits for approval")
    else:
        rows = [(one.id, f"dl_{one.letter_id}", _told(one), one.by, one.at, one.because) for one in found]
        paper.table(("edit", "dead letter", "changes", "by", "at", "because"), rows)
        click.echo()
        click.secho(f'Next: lockgate deadletter approve {found[0].id} --because "…", or reject', bold=True)
    if found:
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("number", metavar="EDIT", type=int)
@because
@as_json
def approve(number: int, *, because: str, as_json: bool) -> None:
    """Let a correction of somebody else's go out."""
    from admin.cli.deployment import order
    from tasks import edit as editing
    from tasks.platform import platform

    made = editing.approve(platform(), number, order(because))
    _say(made, f"dl_{made.letter_id} is superseded by {made.new_operation_id}, which goes out", as_json=as_json)


@click.command()
@click.argument("number", metavar="EDIT", type=int)
@because
@as_json
def reject(number: int, *, because: str, as_json: bool) -> None:
    """Turn a correction down, or take your own back; the dead letter stays open."""
    from admin.cli.deployment import order
    from tasks import edit as editing
    from tasks.platform import platform

    made = editing.reject(platform(), number, order(because))
    _say(made, f"edit {made.id} is rejected; dl_{made.letter_id} stays open", as_json=as_json)


def as_object(one: "Edit") -> dict[str, Any]:
    """An edit for programs."""
    from dataclasses import asdict

    return {**asdict(one), "letter": f"dl_{one.letter_id}"}


def _pair(said: str) -> tuple[str, Any]:
    name, equals, value = said.partition("=")
    if not equals or not name:
        raise click.BadParameter(f"{said!r}: write it as FIELD=VALUE", param_hint="--set")
    try:
        return name, json.loads(value)
    except ValueError:
        return name, value


def _told(one: "Edit") -> str:
    if not one.difference:
        return "the same, with a new key"
    return "; ".join(f"{name}: {json.dumps(old)} → {json.dumps(new)}" for name, (old, new) in one.difference.items())


def _say(made: "Edit", said: str, *, as_json: bool) -> None:
    from admin.cli import paper

    if as_json:
        paper.write_json(as_object(made))
    else:
        click.echo(said)
