"""Start a server process of ours, and end it: by its id, and never another's."""

import contextlib
import ctypes
import errno
import os
import pwd
import secrets
import signal
import socket
import subprocess
from collections.abc import Callable, Sequence
from pathlib import Path

_PR_SET_PDEATHSIG = 1  # <linux/prctl.h>
_PORTS = range(20_000, 32_768)  # systems give from 32768 or 49152 upwards
_UNPRIVILEGED = "nobody"  # exists on every Linux; PostgreSQL refuses to run as root


def unprivileged_user() -> str | None:
    """The account that servers run as when we are root; None when we are not."""
    return _UNPRIVILEGED if os.geteuid() == 0 else None


def free_port() -> int:
    """A port on the loopback interface that was free a moment ago.

    None of those that the system gives to outgoing connections: a server that is killed and started again wants the
    same port, and must not find that somebody's connection was given it meanwhile.
    """
    while True:
        port = _PORTS.start + secrets.randbelow(len(_PORTS))
        try:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", port))
        except OSError as error:
            if error.errno != errno.EADDRINUSE:
                raise
        else:
            return port


def port_was_taken(log: str) -> bool:
    """Whether the end of a server's log says that another program was faster to bind its port."""
    return "Address already in use" in log


def hand_over(directory: Path) -> None:
    """Give a directory to the account that the servers run as."""
    if user := unprivileged_user():
        entry = pwd.getpwnam(user)
        os.chown(directory, entry.pw_uid, entry.pw_gid)


def reachable(path: Path) -> bool:
    """Say whether the account that the servers run as can read what lies at `path`."""
    if unprivileged_user() is None:
        return True
    return subprocess.run(["test", "-r", str(path)], user=_UNPRIVILEGED, group=_group(), check=False).returncode == 0


def spawn(argv: Sequence[str], *, log: Path, death_signal: signal.Signals | None) -> subprocess.Popen[bytes]:
    """Start a server in a session of its own, its output in `log`.

    In a session of its own a Ctrl-C at the terminal does not reach it: whoever started it ends it, in order. With a
    `death_signal` the kernel sends it that signal when we die, so that not even our own SIGKILL leaves it behind.
    """
    user = unprivileged_user()
    with log.open("ab") as output:
        return subprocess.Popen(
            argv,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            user=user,
            group=_group() if user else None,
            extra_groups=[] if user else None,
            preexec_fn=tied_to_us(death_signal) if death_signal else None,  # noqa: PLW1509  only calls prctl
        )


def end(pid: int, stop_signal: signal.Signals = signal.SIGTERM) -> None:
    """Ask a process that we started to end; one that has ended already is no error."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, stop_signal)


def _group() -> str:
    return _UNPRIVILEGED if _has_group(_UNPRIVILEGED) else "nogroup"


def _has_group(name: str) -> bool:
    import grp  # noqa: PLC0415  only root needs it

    with contextlib.suppress(KeyError):
        grp.getgrnam(name)
        return True
    return False


def tied_to_us(death_signal: signal.Signals) -> Callable[[], None]:
    """What a child does between fork and exec, so that the kernel signals it when the thread that started it ends."""
    libc = ctypes.CDLL(None, use_errno=True)

    def set_death_signal() -> None:
        libc.prctl(_PR_SET_PDEATHSIG, int(death_signal), 0, 0, 0)

    return set_death_signal
