"""What is wrong with the configuration, in one sentence that says the mend."""

from collections.abc import Iterable
from difflib import get_close_matches

import click


class ConfigError(click.ClickException):
    """The configuration cannot be used; nothing was started.

    It is click's, so that `lockgate` and `celery` print it as one sentence and not as a traceback.
    """


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A hint at the known name that was probably meant; empty when none is near."""
    near = get_close_matches(name, list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]}?" if near else ""
