"""`lockgate dev`: real servers to try Lockgate with, started from wheels in a folder of the project."""

import os
import shlex
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import click

from admin.cli.noun import Noun, as_json

if TYPE_CHECKING:
    from embedded.servers import Running


@click.group(cls=Noun)
def dev() -> None:
    """A PostgreSQL and a Valkey for development, in the folder LOCKGATE_HOME (.lockgate)."""


@dev.command()
@as_json
def up(as_json: bool) -> None:  # noqa: FBT001  click calls it
    """Start both servers, print where they are, and leave them running: eval "$(lockgate dev up)"."""
    from admin.cli import paper
    from embedded import servers

    home = _home()
    with _alone(home):
        running = servers.find(home)
        if running is None:
            servers.stop(home)  # one of them may have survived the other
            running = _start(home)
            click.echo(f"# started; their data is in {home}. Next: lockgate migrate", err=True)
        else:
            click.echo(f"# they run already; their data is in {home}", err=True)
    where = {
        "LOCKGATE_DATABASE_URL": running.database_url,
        "LOCKGATE_REDIS_URL": running.redis_url,
        "LOCKGATE_DATA_KEY": servers.data_key(home),
    }
    if as_json:
        paper.write_json(where)
        return
    for name, value in where.items():
        click.echo(f"export {name}={shlex.quote(value)}")


@dev.command()
def down() -> None:
    """End both servers; their data stays for the next time."""
    from embedded import servers

    home = _home()
    if servers.stop(home):
        click.echo(f"ended; their data stays in {home}")
    else:
        click.echo(f"no servers run for {home}")


@dev.command()
def key() -> None:
    """Make a new LOCKGATE_DATA_KEY; keep it as safe as the database's backups."""
    import secrets

    click.echo(secrets.token_urlsafe(32))


def _home() -> Path:
    return Path(os.environ.get("LOCKGATE_HOME") or ".lockgate").absolute()


@contextmanager
def _alone(home: Path) -> Iterator[None]:
    """Of two commands at once the second waits, and finds what the first started."""
    import fcntl

    from config.errors import ConfigError

    try:
        home.mkdir(parents=True, exist_ok=True)
        lock = (home / "servers.lock").open("w")
    except OSError as error:
        raise ConfigError(
            f"{home} cannot be written ({error.strerror}): set LOCKGATE_HOME to a folder of yours"
        ) from None
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


def _start(home: Path) -> "Running":
    from config.errors import ConfigError
    from embedded.postgres import PostgresFailedError
    from embedded.servers import Servers
    from embedded.valkey import ValkeyFailedError

    starting = Servers(home, dies_with_us=False)
    try:
        return starting.up()
    except (PostgresFailedError, ValkeyFailedError, OSError) as error:
        starting.down()
        raise ConfigError(" ".join(str(error).split())) from None
