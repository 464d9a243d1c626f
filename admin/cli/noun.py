"""What all commands share: a reason for a change, JSON on request, and one sentence for whatever goes wrong.

Celery imports every command at each start, the worker included: so what is heavy is imported inside the commands.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import click

F = TypeVar("F", bound=Callable[..., Any])

#: `--json`: one JSON value on standard output instead of a page for people.
as_json = click.option("--json", "as_json", is_flag=True, help="One JSON value instead of a page for people.")


def because(command: F) -> F:
    """`--because`: why something is changed; the audit keeps it."""
    option = click.option(
        "--because", required=True, callback=_not_empty, metavar="WHY", help="Why; the audit keeps it with your name."
    )
    return option(command)


def _not_empty(_: click.Context, __: click.Parameter, value: str) -> str:
    if not value.strip():
        raise click.BadParameter("say why in a few words")
    return value.strip()


class Noun(click.Group):
    """A group of commands about one noun."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run a command; what a person can mend is said in one sentence."""
        with sentences():
            return super().invoke(ctx)


class Verb(click.Command):
    """A command that stands by itself."""

    def invoke(self, ctx: click.Context) -> Any:
        """Run it; what a person can mend is said in one sentence."""
        with sentences():
            return super().invoke(ctx)


@contextmanager
def sentences() -> Iterator[None]:
    """Say in one sentence, without a traceback, what a person can mend; exit code 1."""
    try:
        yield
    except (click.ClickException, click.exceptions.Exit, click.Abort):
        raise
    except Exception as error:
        from admin.cli.trouble import sentence

        said = sentence(error)
        if said is None:
            raise
        raise click.ClickException(said) from None
