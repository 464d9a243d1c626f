"""Dead letters on a page for people."""

from collections.abc import Sequence
from typing import Any

import click

from admin.cli import paper
from admin.cli.operation import write_attempts
from deadletter.review import Step
from ledger.history import Story
from ledger.letters import Dead

_MEANING = {
    "none": "nothing happened at the provider",
    "unknown": "it may have happened at the provider, or not",
    "done": "it happened at the provider",
}

_LETTER = (
    ("id", "name"), ("dead at", "dead_at"), ("tenant", "tenant"), ("kind", "kind"), ("business key", "business_key"),
    ("reason", "reason"), ("effect", "effect"), ("code", "code"), ("fingerprint", "fingerprint"),
)  # fmt: skip


def write_list(found: Sequence[Any]) -> None:
    """Dead letters, a line for each."""
    paper.table([title for title, _ in _LETTER], [[getattr(one, name) for _, name in _LETTER] for one in found])


def write(dead: Dead, told: Story, step: Step, there: str | None) -> None:
    """One dead letter, its story, and what to do.

    Args:
        dead: the letter and its operation.
        told: the operation's story.
        step: the sensible next step.
        there: what the provider says now; None where it was not asked.
    """
    letter, row = dead.letter, told.operation
    click.secho(
        f"{letter.name}  {letter.kind}  {letter.business_key or dead.id}  tenant {letter.tenant}  {letter.provider}",
        bold=True,
    )
    write_attempts(told.attempts)
    click.echo()
    paper.facts(
        {
            "why": " ".join(part for part in (letter.reason, letter.error_class, letter.code, letter.message) if part),
            "effect": f"{dead.effect}: {_MEANING[dead.effect]}",
            "reference": dead.reference,
            f"at {dead.provider} now": there,
            "here": f"{dead.state}, epoch {dead.epoch}, letter {letter.status}",
            "operation": dead.id,
            "sent first": row["first_sent_at"],
            "dead since": letter.dead_at,
            "a canvas waits until": letter.decide_by if letter.status == "open" else None,
            "failed alike": f"lockgate deadletter list --fingerprint {letter.fingerprint}",
        }
    )
    for change in told.changes:
        click.echo(f"{paper.shown(change.at)}  {change.actor}: {change.action}, because {change.because}")
    click.echo()
    if step.command:
        click.echo(f"Why: {step.why}")
        click.secho(f"Next: {step.command}", bold=True)
    else:
        click.secho(f"Next: nothing; {step.why}", bold=True)
