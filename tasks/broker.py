"""kombu's Redis transport: it writes no message to a file when Redis dies, notes when it heard from Redis, is back soon.

What a worker has taken from a queue and not begun goes back to it when the worker ends. When Redis itself is gone, kombu
saves such messages in a file under the temporary folder, where nobody looks, and where a message from elsewhere would lie
with its arguments in the clear. Here they are let go: the sweep hints again at what the ledger has.
"""

import logging
import socket
import time
from collections.abc import Iterator
from queue import Empty
from typing import Any

from kombu.connection import Connection as Stock
from kombu.transport import TRANSPORT_ALIASES, redis

_RETRY = {"interval_start": 0.5, "interval_step": 0.5, "interval_max": 2.0}  # seconds between tries to connect

_log = logging.getLogger(__name__)


class Ear:
    """What this process has heard from the Redis whose messages it waits for.

    Attributes:
        answered_at: monotonic; when Redis last answered, with a message or with nothing, as it does once a second.
        received: messages.
    """

    def __init__(self) -> None:
        self.answered_at = time.monotonic()
        self.received = 0


ear = Ear()


class Connection(Stock):
    """A connection that is tried again every two seconds; kombu's pause grows to thirty, and work waits meanwhile."""

    def ensure_connection(self, *args: Any, **kwargs: Any) -> Any:
        """Connect, however long it takes; Celery gives no pauses of its own."""
        return super().ensure_connection(*args, **(_RETRY | kwargs))


class Channel(redis.Channel):
    """A channel that may not be able to give back what it took."""

    def sockets(self) -> Iterator[socket.socket]:
        """The open ones; none is made."""
        for pool in (self._pool, self._async_pool):
            for one in [*getattr(pool, "_available_connections", ()), *getattr(pool, "_in_use_connections", ())]:
                if one._sock is not None:  # noqa: SLF001  redis-py tells nobody else
                    yield one._sock  # noqa: SLF001  see above

    def _brpop_read(self, **options: Any) -> Any:
        try:
            read = super()._brpop_read(**options)
        except Empty:
            ear.answered_at = time.monotonic()
            raise
        ear.answered_at = time.monotonic()
        ear.received += 1
        return read

    def _restore(self, message: Any, *args: Any, **kwargs: Any) -> Any:
        client = getattr(self.connection, "client", None)
        try:
            if client is not None:
                return super()._restore(message, *args, **kwargs)
        except (*self.connection_errors, OSError):
            pass
        _log.warning("Redis is away: message %s is not put back into its queue", message.headers.get("id"))
        return None


class Transport(redis.Transport):
    """The transport for redis:// and rediss://."""

    Channel = Channel


def register() -> None:
    """Let kombu use this transport."""
    name = f"{__name__}:{Transport.__name__}"
    TRANSPORT_ALIASES.update(redis=name, rediss=name)
