"""Dead letters on a page for people."""

import shlex
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import click

from admin.cli import operation, paper
from deadletter.dossier import Dossier
from ledger.letters import DeadLetter

_MEANING = {
    "none": "nothing happened at the provider",
    "unknown": "it may have happened at the provider, or not",
    "done": "it happened at the provider",
}

_COLUMNS = ("id", "dead", "tenant", "kind", "business key", "why", "effect", "fingerprint")


def write_list(found: Sequence[DeadLetter]) -> None:
    """Dead letters, a line for each."""
    rows = [
        (
            one.name, paper.ago(one.dead_at), one.tenant, one.kind, one.business_key, one.code or one.reason, one.effect,
            one.fingerprint,
        )
        for one in found
    ]  # fmt: skip
    paper.table(_COLUMNS, rows, spare=("fingerprint",))


def as_object(told: Dossier) -> dict[str, Any]:
    """A dead letter's story for programs; of corrected arguments the names alone."""
    return {
        "next": {**asdict(told.step), "action": told.step.action},
        "may": told.may,
        "looks": told.looks,
        "related": told.related,
        "runs": [{"run": number, "name": name, "state": state} for number, name, state in told.runs],
        "edits": [
            {"id": one.id, "state": one.state, "by": one.by, "at": one.at, "fields": one.fields} for one in told.edits
        ],
        "retention": told.retention,
        "operation": operation.as_object(told.story),
    }


def write(told: Dossier, there: str | None) -> None:
    """One dead letter, its story, and what to do.

    Args:
        told: all of it.
        there: what the provider says now; None where it was not asked.
    """
    dead, letter, row = told.dead, told.dead.letter, told.story.operation
    click.secho(
        f"{letter.name}  {letter.kind}  {letter.business_key or dead.id}  tenant {letter.tenant}  {letter.provider}",
        bold=True,
    )
    operation.write_attempts(told.story.attempts)
    click.echo()
    paper.facts(
        {
            "why": " ".join(part for part in (letter.reason, letter.error_class, letter.code, letter.message) if part),
            "effect": f"{dead.effect}: {_MEANING[dead.effect]}",
            "reference": dead.reference,
            f"at {dead.provider} now": there or _last_look(told),
            "here": f"{dead.state}, epoch {dead.epoch}, letter {letter.status}",
            "operation": dead.id,
            "sent first": row["first_sent_at"],
            "dead since": letter.dead_at,
            "a canvas waits until": letter.decide_by if letter.status == "open" else None,
            "key is kept for": _left(told.retention.key),
            "letter is kept for": _left(told.retention.letter),
            "failed alike": f"lockgate deadletter group {letter.fingerprint}",
            "runs": ", ".join(f"{number} ({name}): {state}" for number, name, state in told.runs),
            "corrections": ", ".join(f"edit {one.id} by {one.by}: {one.state}" for one in told.edits),
        }
    )
    for one in told.related:
        when = "later" if one.later else "earlier"
        click.echo(f"same entity, {when}: {one.business_key}  {one.kind}  {one.state}, effect {one.effect}")
    for change in told.story.changes:
        click.echo(f"{paper.shown(change.at)}  {change.actor}: {change.action}, because {change.because}")
    click.echo()
    _write_next(told)


def _write_next(told: Dossier) -> None:
    step, name, because = told.step, told.dead.letter.name, '--because "…"'
    if not step.command:
        click.secho(f"Next: nothing; {step.why}", bold=True)
    elif told.waits is not None:
        click.echo(f"Why: {told.waits.by} wants it sent with a new key, and somebody else has to approve that")
        click.secho(f"Next: lockgate deadletter approve {told.waits.id} {because}, or reject", bold=True)
    elif told.shown and told.fresh is not None:
        reference = shlex.quote(str(told.fresh.there.get("reference") or "REF"))
        click.echo(f"Why: {told.dead.provider} shows it: say that it happened, and what waits for it goes on")
        click.secho(
            f"Next: lockgate deadletter resolve {name} --as succeeded --reference {reference} {because}", bold=True
        )
    elif told.doubt and told.asks and told.fresh is None:
        click.echo("Why: it may have happened, or not; nothing is changed by asking")
        click.secho(f"Next: lockgate deadletter show {name} --ask", bold=True)
    elif told.doubt:
        click.echo(f"Why: {step.why}")
        click.secho(
            f"Next, it is there: lockgate deadletter resolve {name} --as succeeded --reference REF {because}", bold=True
        )
        click.secho(f"Next, for sure not: lockgate deadletter resolve {name} --as none {because}", bold=True)
    else:
        click.echo(f"Why: {step.why}")
        click.secho(f"Next: {step.command}", bold=True)


def _last_look(told: Dossier) -> str | None:
    if (last := told.look) is None:
        return None
    differs = f"; not as here: {', '.join(last.differs)}" if last.differs else ""
    return f"{last.said} (asked by {last.actor} at {paper.shown(last.at)}{differs})"


def _left(seconds: float | None) -> str | None:
    if seconds is None:
        return None
    return paper.lasting(seconds) if seconds > 0 else "no longer"
