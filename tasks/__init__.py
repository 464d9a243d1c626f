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
            raise click.ClickException(
                f"the package {name!r} in {place.parent} stands in front of Lockgate's own: give it another name, or start "
                "from another folder"
            )


_refuse_shadows()

from tasks.app import app as celery  # noqa: E402  what stands in front of us would break this line first

__all__ = ["celery"]
