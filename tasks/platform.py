"""The parts of the platform, made from the environment when they are first needed, once per process."""

import os
import socket
import threading
import uuid

import redis

from config.settings import Settings
from integrations.registry import Registry
from integrations.transport import Transport
from ledger.session import open_ledger
from resilience import restore
from resilience.admission import Admission
from resilience.wire import Wire
from tasks.crowd import Crowd

_CONNECTIONS = 40  # database connections of one process at most; a thread uses one for milliseconds at a time


class Platform:
    """Everything that a process needs, by name.

    Args:
        settings: the environment.
        worker: who this process is, as leases name it; its children share the beginning.
    """

    def __init__(self, settings: Settings, worker: str) -> None:
        self.settings = settings
        self.worker = worker
        self.registry = Registry(settings)
        self.ledger = open_ledger(settings, connections=_CONNECTIONS)
        self.transport = Transport()
        self.redis: redis.Redis = restore.connect(settings.redis_url)
        self.wire = Wire(self.redis)
        self.crowd = Crowd(lambda key: int(self.wire.command("LLEN", key)))
        traffic = {name: provider.traffic for name, provider in self.registry.providers.items()}
        self.admission = Admission(self.redis, traffic)

    @property
    def here(self) -> str:
        """This process or thread, as its leases name it."""
        return f"{self.worker}/{os.getpid()}/{threading.get_ident()}"


_lock = threading.Lock()
_platform: Platform | None = None


def _own_name() -> str:
    return f"{socket.gethostname()}:{os.getpid()}:{uuid.uuid4().hex[:8]}"


_worker = _own_name()


def _after_fork() -> None:
    """A forked child makes its own platform: sockets and locks of its parent are not its to use."""
    global _platform, _lock  # noqa: PLW0603  one per process is the point
    _lock = threading.Lock()
    _platform = None


os.register_at_fork(after_in_child=_after_fork)


def platform() -> Platform:
    """The platform of this process.

    Raises:
        ConfigError: the environment or a file is wrong.
    """
    global _platform  # noqa: PLW0603  one per process is the point
    with _lock:
        if _platform is None:
            _platform = Platform(Settings.from_environment(), _worker)
        return _platform


def join(worker: str) -> None:
    """Become a part of a worker, as its leases name it; before the platform is first needed."""
    global _worker  # noqa: PLW0603  one per process is the point
    _worker = worker


def be_another() -> None:
    """In a forked child: be a worker by itself; parts of one would renew each other's leases, even those of the dead."""
    join(_own_name())


def use(settings: Settings | None) -> None:
    """Replace the platform of this process; with None it is made from the environment when it is next needed."""
    global _platform  # noqa: PLW0603  see above
    with _lock:
        if _platform is not None:
            _platform.ledger.close()
            _platform.transport.close()
        _platform = None if settings is None else Platform(settings, _worker)
