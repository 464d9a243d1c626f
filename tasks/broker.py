"""kombu's Redis transport, which writes no message to a file when Redis dies.

What a worker has taken from a queue and not begun goes back to it when the worker ends. When Redis itself is gone, kombu
saves such messages in a file under the temporary folder, where nobody looks, and where a message from elsewhere would lie
with its arguments in the clear. Here they are let go: the sweep hints again at what the ledger has.
"""

import logging
from typing import Any

from kombu.transport import TRANSPORT_ALIASES, redis

_log = logging.getLogger(__name__)


class Channel(redis.Channel):
    """A channel that may not be able to give back what it took."""

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
