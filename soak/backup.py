"""A base backup of a running PostgreSQL, and its way back."""

import os
import shutil
import subprocess
from pathlib import Path
from urllib.parse import urlsplit

from embedded import Postgres
from embedded.postgres import _binaries
from embedded.process import hand_over


def back_up(server: Postgres, folder: Path) -> None:
    """Take a base backup with `pg_basebackup`, while the server works on."""
    command = [
        str(_binaries() / "pg_basebackup"), "-D", str(folder), "-h", "127.0.0.1", "-p", str(server.port), "-U", "postgres",
        "-X", "stream", "-c", "fast",
    ]  # fmt: skip
    secret = {"PGPASSWORD": urlsplit(server.url).password or ""}
    subprocess.run(command, env=os.environ | secret, check=True, capture_output=True)


def restore(server: Postgres, folder: Path) -> None:
    """Put a backup in the place of what a server has, and start it."""
    server.stop(immediate=True)
    data = server.directory / "data"
    shutil.rmtree(data)
    shutil.copytree(folder, data)
    for path in (data, *data.rglob("*")):
        hand_over(path)
    data.chmod(0o700)
    server.start()
