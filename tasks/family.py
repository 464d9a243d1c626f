"""Several workers that share memory: one process imports everything, forks them, and becomes their small supervisor.

Python itself, Celery and the platform are nine tenths of what a worker holds. Forked from one process they have them in
common, page by page, until one of them writes there; a reference that is counted is written too, so it is not all. The
collector is told to leave it alone, and the process that imported it does not stay: it would keep its own copy of each
page that a worker has changed. `tasks.supervisor` takes its place, under the same pid.
"""

import ctypes
import gc
import os
import signal
import sys
import threading
import traceback
from collections.abc import Sequence
from contextlib import suppress
from importlib import import_module
from pathlib import Path
from typing import NoReturn

from celery.bin.base import CLIContext
from celery.bin.worker import worker
from celery.signals import worker_ready

from config.errors import ConfigError
from tasks import platform, supervisor
from tasks.app import app

#: What a worker imports only after it has begun; found by comparing what two of them had imported.
_LATER = (
    "billiard.dummy", "billiard.pool", "celery.app.amqp", "celery.app.control", "celery.app.events", "celery.app.log",
    "celery.apps.worker", "celery.events.state", "celery.utils.static", "celery.worker.autoscale",
    "celery.worker.components", "celery.worker.consumer.delayed_delivery", "celery.worker.control",
    "kombu.transport.redis", "tasks.preflight", "tasks.quiet", "tasks.revoke", "tasks.sender", "tasks.sweep",
    "tasks.unfold", "tasks.watchdog",
)  # fmt: skip
_ARENAS, _M_ARENA_MAX = 2, -8  # glibc's areas for allocations, by default eight for each core; malloc.h


def command(arguments: Sequence[str]) -> list[str]:
    """The command that starts a worker by itself; SIGHUP lets Celery start one anew by the same.

    Args:
        arguments: what follows `celery -A tasks worker`.
    """
    script = Path(sys.executable).with_name("celery")
    way = [str(script)] if script.exists() else ["-m", "celery"]
    return [sys.executable, *way, "-A", "tasks", "worker", *arguments]


def start(names: Sequence[str], arguments: Sequence[str]) -> NoReturn:
    """Start a worker for each name, and become their supervisor; in the workers, be Celery's command.

    Args:
        names: their node names.
        arguments: of each, as `celery worker` takes them.

    Raises:
        ConfigError: the environment is wrong, something was begun at import that no fork may copy, or the machine has no
            room for so many; those that were started then end with this process.
        SystemExit: in a worker, when it has ended.
    """
    sys.argv = ["celery", "-A", "tasks", "worker", *arguments]  # which tasks.configuration reads
    again = command(arguments)
    supervisor.await_signals()
    try:
        _preload()
    except BaseException:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, supervisor.AWAITED)
        raise
    parent, workers = os.getpid(), dict[int, str]()
    sys.stdout.flush()
    sys.stderr.flush()
    for name in names:
        pid = _fork(len(workers), len(names))
        if not pid:
            sys.argv = [*again[1:], "-n", name]  # SIGHUP lets Celery start it anew by these
            _work([*arguments, "-n", name], parent)
        workers[pid] = name
    line = supervisor.command_line(sys.executable, workers, again)
    os.execv(line[0], line)  # noqa: S606  no shell is wanted


def _fork(had: int, wanted: int) -> int:
    try:
        return os.fork()
    except OSError as error:
        raise ConfigError(
            f"the machine lets {had} of {wanted} workers be started ({error.strerror}): give it more room, or a smaller "
            "--processes"
        ) from None


def _preload() -> None:
    """Import what a worker is made of, connect to nothing, and let the collector never look at it.

    Raises:
        ConfigError: the environment is wrong, or a module has begun something.
    """
    sockets = _sockets()
    gc.disable()  # what it would free is filled again by each worker, on a page of its own
    app.loader.import_default_modules()
    app.finalize()
    for name in _LATER:
        import_module(name)
    platform.use(None)
    if threading.active_count() > 1 or _sockets() > sockets:
        raise ConfigError(
            "a module has started a thread or opened a connection while it was imported, which workers that are forked "
            "cannot share: look at those that LOCKGATE_TASKS names, or start single workers by `celery -A tasks worker`"
        )
    with suppress(AttributeError):  # a C library that is not glibc
        ctypes.CDLL(None).mallopt(_M_ARENA_MAX, _ARENAS)
    gc.freeze()
    gc.enable()


def _sockets() -> int:
    return sum(each.is_socket() for each in Path("/proc/self/fd").iterdir())


def _work(arguments: Sequence[str], parent: int) -> NoReturn:
    """Be a worker, in a process that was forked.

    It is Celery's command `worker` without those beside it: they would bring Flower and a shell along.
    """
    supervisor.belong_to(parent)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, supervisor.AWAITED)
    platform.be_another()
    ready = threading.Event()
    worker_ready.connect(lambda **_: ready.set(), weak=False)
    try:
        worker.main(list(arguments), prog_name="celery worker", obj=here(), auto_envvar_prefix="CELERY_WORKER")
    except SystemExit as ended:
        if ended.code and not ready.is_set():
            raise SystemExit(supervisor.REFUSED) from None
        raise
    except Exception:
        if ready.is_set():
            raise
        traceback.print_exc()
        raise SystemExit(supervisor.REFUSED) from None  # the others would meet it too
    sys.exit(0)


def here() -> CLIContext:
    """What `celery -A tasks` tells its commands."""
    return CLIContext(app=app, no_color=False, workdir=None)
