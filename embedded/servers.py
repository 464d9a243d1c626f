"""Both servers of a development folder: up, down, and where they are."""

import json
import os
import secrets
import shutil
import signal
import tempfile
import time
from dataclasses import asdict, dataclass
from pathlib import Path

from embedded.postgres import Postgres
from embedded.process import end, reachable
from embedded.valkey import Valkey

_VALKEY = ("valkey", "redis")
_END_TIMEOUT = 60.0  # seconds; PostgreSQL writes a checkpoint before it ends


@dataclass(frozen=True)
class Running:
    """What `lockgate dev up` leaves behind: where the servers are, and how to end them."""

    database_url: str
    redis_url: str
    postgres_pid: int
    valkey_pid: int


class Servers:
    """The servers that belong to one folder of files, usually `.lockgate` in a project.

    Args:
        home: holds the servers' data and the file that says where they run.
        dies_with_us: whether the kernel ends the servers when this process dies.
    """

    def __init__(self, home: Path, *, dies_with_us: bool = True) -> None:
        home.mkdir(parents=True, exist_ok=True)
        self.home = home
        data = _data_folder(home)
        self.postgres = Postgres(data / "postgres", dies_with_us=dies_with_us)
        self.valkey = Valkey(data / "valkey", dies_with_us=dies_with_us)

    def up(self) -> Running:
        """Start both and write down where they are."""
        self.postgres.start()
        self.valkey.start()
        running = Running(self.postgres.url, self.valkey.url, self.postgres.pid, self.valkey.pid)
        state = self.home / "servers.json"
        state.touch(mode=0o600)  # it holds both passwords
        state.write_text(json.dumps(asdict(running)))
        return running

    def down(self) -> None:
        """Stop both, sessions or not."""
        self.valkey.stop()
        self.postgres.stop()
        (self.home / "servers.json").unlink(missing_ok=True)


def find(home: Path) -> Running | None:
    """Where the servers of a folder run; None when they do not."""
    running = _written(home)
    if running is None or not (_serves(running.postgres_pid, "postgres") and _serves(running.valkey_pid, *_VALKEY)):
        return None
    return running


def stop(home: Path) -> bool:
    """End servers that an earlier process left running, and wait until they have ended; False when there were none."""
    running = _written(home)
    if running is None:
        return False
    asked: list[int] = []
    for pid, how, names in (
        (running.valkey_pid, signal.SIGTERM, _VALKEY),
        (running.postgres_pid, signal.SIGINT, ("postgres",)),
    ):
        if _serves(pid, *names):
            end(pid, how)
            asked.append(pid)
    until = time.monotonic() + _END_TIMEOUT
    while any(_alive(pid) for pid in asked) and time.monotonic() < until:
        time.sleep(0.05)
    (home / "servers.json").unlink()
    return bool(asked)


def _written(home: Path) -> Running | None:
    try:
        return Running(**json.loads((home / "servers.json").read_text()))
    except FileNotFoundError:
        return None


def data_key(home: Path) -> str:
    """The key that encrypts the ledger's private columns in this folder's database; made once, never printed."""
    path = home / "data.key"
    if not path.exists():
        path.touch(mode=0o600)
        path.write_text(secrets.token_urlsafe(32))
    return path.read_text()


def _serves(pid: int, *names: str) -> bool:
    """Whether a process is there and is one of these programs: after a reboot another may have its number."""
    if not _alive(pid):
        return False
    command = Path(f"/proc/{pid}/cmdline")
    return not command.exists() or any(name.encode() in command.read_bytes() for name in names)


def _alive(pid: int) -> bool:
    """Whether a process runs; one that has ended and waits for its parent does not."""
    try:
        os.kill(pid, 0)
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text()
    except PermissionError:
        return True
    except ProcessLookupError:
        return False
    except FileNotFoundError:  # no /proc on this system
        return not Path("/proc").exists()


def _data_folder(home: Path) -> Path:
    """The folder itself, or one under /var/tmp when the servers' account cannot reach it (root in a closed home)."""
    if reachable(home):
        return home
    pointer = home / "data-folder"
    if not pointer.exists():
        base = "/var/tmp" if Path("/var/tmp").is_dir() else tempfile.gettempdir()  # noqa: S108  made by mkdtemp
        pointer.write_text(tempfile.mkdtemp(prefix=f"lockgate-{os.getuid()}-", dir=base))
        Path(pointer.read_text()).chmod(0o755)
    return Path(pointer.read_text())


def forget(home: Path) -> None:
    """Delete a folder's servers' data; they must be down."""
    shutil.rmtree(_data_folder(home), ignore_errors=True)
