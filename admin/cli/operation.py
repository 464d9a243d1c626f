"""`lockgate operation`: what became of one operation."""

from typing import TYPE_CHECKING, Any

import click

from admin.cli.noun import Noun, as_json

if TYPE_CHECKING:
    from ledger.history import Story, Tried


@click.group(cls=Noun)
def operation() -> None:
    """Operations: what was asked, tried and heard."""


@operation.command()
@click.argument("name", metavar="KEY|ID")
@click.option("--provider", help="Of operations with the same business key, this provider's.")
@click.option("--tenant", help="Of operations with the same business key, this tenant's.")
@as_json
def show(name: str, provider: str | None, tenant: str | None, as_json: bool) -> None:  # noqa: FBT001  click calls it
    """Show one operation: by its id, a Celery task id, or its business key."""
    from admin.cli import paper

    told = look_up(name, provider=provider, tenant=tenant)
    if as_json:
        paper.write_json(as_object(told))
        return
    write(told)


def look_up(name: str, *, provider: str | None = None, tenant: str | None = None) -> "Story":
    """The one operation that a name means.

    Raises:
        ConfigError: there is none, or there are several.
    """
    from admin.cli.deployment import Deployment
    from config.errors import ConfigError
    from ledger import history

    ledger = Deployment().ledger
    with ledger.connection() as connection:
        found = [story for each in history.find(connection, name) if (story := history.story(ledger, connection, each))]
    wanted = [
        story for story in found
        if provider in {None, story.operation["provider"]} and tenant in {None, story.operation["tenant"]}
    ]  # fmt: skip
    if not wanted:
        raise ConfigError(
            f"there is no operation {name}: it is neither an id, nor a Celery task id, nor a business key that was accepted"
        )
    if len(wanted) > 1:
        names = ", ".join(
            f"{one.operation['id']} ({one.operation['provider']}, {one.operation['tenant']})" for one in wanted
        )
        raise ConfigError(f"{name} is the key of {len(wanted)} operations: show one by its id, of {names}")
    return wanted[0]


def as_object(told: "Story") -> dict[str, Any]:
    """An operation for programs."""
    return {
        **told.operation,
        "task": told.task,
        "held_by": told.held_by,
        "tickets": told.tickets,
        "attempts": told.attempts,
        "dead_letters": [{"name": letter.name, **_fields(letter)} for letter in told.dead_letters],
        "audit": told.changes,
    }


def _fields(value: Any) -> dict[str, Any]:
    from dataclasses import asdict

    return asdict(value)


def write(told: "Story") -> None:
    """An operation for people."""
    from admin.cli import paper

    row = told.operation
    click.secho(f"{row['kind']}  {row['business_key'] or '(no business key)'}", bold=True)
    paper.facts(
        {
            "id": row["id"],
            "tenant": row["tenant"],
            "state": f"{row['state']}{_why(told)}",
            "effect": f"{row['effect']}{_reference(row)}",
            "generation": f"{row['generation']}, epoch {row['epoch']}",
            "accepted": row["accepted_at"],
            "ended": row["ended_at"],
            "due": None if row["ended_at"] else row["due_at"],
            "deadline": None if row["ended_at"] else row["deadline_at"],
            "dead letters": ", ".join(f"{letter.name} ({letter.status})" for letter in told.dead_letters),
        }
    )
    click.echo()
    write_attempts(told.attempts)
    for change in told.changes:
        click.echo(f"{paper.shown(change.at)}  {change.actor}: {change.action}, because {change.because}")


def write_attempts(attempts: "tuple[Tried, ...]") -> None:
    """What was tried, a line for each thing heard."""
    from admin.cli import paper

    columns = ("#", "at", "purpose", "heard", "class", "effect", "status", "code", "message", "took")
    rows = [
        (
            tried.number, tried.started_at, tried.purpose, tried.outcome or "nothing yet", tried.error_class, tried.effect,
            tried.status, tried.code, tried.message, paper.lasting(tried.elapsed),
        )
        for tried in attempts
    ]  # fmt: skip
    if rows:
        paper.table(columns, rows)
    else:
        click.echo("no attempt was made yet")


def _why(told: "Story") -> str:
    why = told.held_by if told.held_by and not told.operation["ended_at"] else told.operation["reason"]
    return f" ({why})" if why else ""


def _reference(row: Any) -> str:
    return f" ({row['reference']})" if row["reference"] else ""
