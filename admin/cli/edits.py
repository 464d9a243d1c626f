"""`lockgate deadletter edit`, `edits`, `approve` and `reject`: the same intent with corrected arguments."""

import json
from typing import TYPE_CHECKING, Any

import click

from admin.cli.noun import as_json, because

if TYPE_CHECKING:
    from ledger.edits import Edit


@click.command()
@click.argument("names", metavar="[ID…]", nargs=-1)
@click.option("--fingerprint", help="All open ones that failed alike, in place of ids.")
@click.option(
    "--set", "changes", multiple=True, metavar="FIELD=VALUE", help="A corrected argument; VALUE as JSON, or text."
)
@click.option("--because", help="Why; the audit keeps it with your name.")
@as_json
def edit(
    names: tuple[str, ...], *, fingerprint: str | None, changes: tuple[str, ...], because: str | None, as_json: bool
) -> None:
    """Send it with a new key, corrected or as it is, where nothing happened for sure; money waits for a second person.

    Without --set and --because, show the arguments of one. It goes out as the next generation of its business key.
    """
    from admin.cli.deadletter import decide_each, named_letters
    from admin.cli.deployment import Deployment, order
    from tasks import edit as editing
    from tasks.platform import platform

    if because is None and not changes and len(names) == 1 and not fingerprint:
        _show(names[0], as_json=as_json)
        return
    meant = (fingerprint and f"--fingerprint {fingerprint}") or " ".join(names) or "ID"
    if not (because or "").strip():
        raise click.UsageError(f'say why: lockgate deadletter edit {meant} --set FIELD=VALUE --because "…"')
    corrected, who = dict(_pair(each) for each in changes), order(str(because))
    decide_each(
        named_letters(Deployment(), names, fingerprint),
        lambda letter_id: as_object(editing.propose(platform(), letter_id, corrected, who)),
        _proposed,
        as_json=as_json,
    )


def _show(name: str, *, as_json: bool) -> None:
    from admin.cli import paper
    from admin.cli.deadletter import letter_of
    from tasks import edit as editing
    from tasks.platform import platform

    letter_id = letter_of(name)
    known = editing.arguments(platform(), letter_id)
    if as_json:
        paper.write_json(known)
        return
    paper.facts({field: json.dumps(value, ensure_ascii=False) for field, value in known.items()})
    click.echo()
    click.secho(f'Next: lockgate deadletter edit dl_{letter_id} --set FIELD=VALUE --because "…"', bold=True)


def _proposed(made: dict[str, Any]) -> str:
    if made["state"] != "applied":
        return (
            f"edit {made['id']} of {made['letter']} waits: it is money, and somebody else must say "
            f'`lockgate deadletter approve {made["id"]} --because "…"`'
        )
    corrected = ", ".join(sorted(made["difference"]))
    how = f"with {corrected} corrected" if corrected else "as it was, with a new key"
    return f"{made['letter']} is superseded by {made['new_operation_id']}, which goes out {how}"


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
        numbers = " ".join(str(one.id) for one in found)
        click.secho(f'Next: lockgate deadletter approve {numbers} --because "…", or reject', bold=True)
    if found:
        raise click.exceptions.Exit(1)


@click.command()
@click.argument("numbers", metavar="EDIT…", type=int, nargs=-1, required=True)
@because
@as_json
def approve(numbers: tuple[int, ...], *, because: str, as_json: bool) -> None:
    """Let corrections of somebody else's go out."""
    from admin.cli.deadletter import decide_each
    from admin.cli.deployment import order
    from tasks import edit as editing
    from tasks.platform import platform

    who = order(because)
    decide_each(
        numbers,
        lambda number: as_object(editing.approve(platform(), number, who)),
        lambda made: f"{made['letter']} is superseded by {made['new_operation_id']}, which goes out",
        as_json=as_json,
    )


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
