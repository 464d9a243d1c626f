"""The Celery face of Lockgate: `celery -A tasks worker`."""

from importlib.util import find_spec
from pathlib import Path

import click

_HOME = Path(__file__).parent.parent
#: The packages that we import by their first name; an application's own `config` in front of ours would break us strangely.
_OURS = ("config", "deadletter", "integrations", "ledger", "operations", "reconciliation", "resilience")


def _refuse_shadows() -> None:
    for name in _OURS:
        found = find_spec(name)
        place = None if found is None or found.origin is None else Path(found.origin).parent
        if place is not None and place.parent != _HOME:
            _refuse(f"the package {name!r} in {place.parent} stands in front of Lockgate's own: give it another name")


def _refuse(sentence: str) -> None:
    if (
        click.get_current_context(silent=True) is not None
    ):  # Celery's command would print an exception's whole traceback
        click.echo(f"Error: {sentence}", err=True)
        raise SystemExit(1)
    raise ImportError(sentence)


_refuse_shadows()

from tasks.app import app as celery  # noqa: E402  what stands in front of us would break this line first

__all__ = ["celery"]
