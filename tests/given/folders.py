"""Folders that servers may enter which run as another account, and servers in them."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, TypeVar

from embedded import Postgres, Valkey

Server = TypeVar("Server", Postgres, Valkey)


@contextmanager
def for_servers() -> Iterator[Path]:
    """An empty folder that is gone afterwards.

    As root the servers run as another account. pytest closes its folders to all others, those of a run under way too when
    another begins on the same machine: a server that lives there dies of that.
    """
    with TemporaryDirectory(prefix="lockgate-", ignore_cleanup_errors=True) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextmanager
def running(kind: type[Server], **more: Any) -> Iterator[Server]:
    """A server in a folder of its own, for as long as the block lasts."""
    with for_servers() as folder:
        server = kind(folder, **more)
        server.start()
        yield server
        server.stop(immediate=True)
