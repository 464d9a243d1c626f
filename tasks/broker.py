"""kombu's Redis transport: it writes no message to a file when Redis dies, notes when it heard from Redis, is back soon.

What a worker has taken from a queue and not begun goes back to it when the worker ends. When Redis itself is gone, kombu
saves such messages in a file under the temporary folder, where nobody looks, and where a message from elsewhere would lie
with its arguments in the clear. Here they are let go: the sweep hints again at what the ledger has.
"""

import json
import logging
import math
import socket
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from queue import Empty
from typing import Any

from kombu.connection import Connection as Stock
from kombu.transport import TRANSPORT_ALIASES, redis, virtual
from kombu.utils.encoding import bytes_to_str
from kombu.utils.json import object_hook
from redis import RedisError

from tasks import strange
from tasks.envelope import LARGEST, trouble
from tasks.hint import BODIES, is_hint

_RETRY = {"interval_start": 0.5, "interval_step": 0.5, "interval_max": 2.0}  # seconds between tries to connect

#: What reading JSON raises. (`KeyError` and `OSError` are kombu's words for a broken connection.)
_UNREADABLE = (ValueError, RecursionError)
#: What is no fault of a message: the connection is, and Celery makes a new one.
_BROKEN = (RedisError, OSError)

_decode = json.JSONDecoder(object_hook=object_hook).decode  # kombu's own `loads` makes a decoder for each message
_AT_ONCE = 32  # messages that are fetched with the one that was waited for
_PATIENCE = 5.0  # seconds for these; the worker hears nothing else meanwhile
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


class Appetite:
    """How many hints this worker takes ahead.

    Attributes:
        per_slot: for each of its slots; a pool that knows how long its jobs take changes it.
    """

    per_slot = 2


appetite = Appetite()


class Connection(Stock):
    """A connection that is tried again every two seconds; kombu's pause grows to thirty, and work waits meanwhile."""

    def ensure_connection(self, *args: Any, **kwargs: Any) -> Any:
        """Connect, however long it takes; Celery gives no pauses of its own."""
        return super().ensure_connection(*args, **(_RETRY | kwargs))


class Message(virtual.Message):
    """A message; of a hint everybody knows what is in its body, and nobody decodes it."""

    def __init__(self, payload: dict[str, Any], channel: Any = None, **more: Any) -> None:
        self._written: dict[str, Any] | None = None
        if payload.get("body") in BODIES and is_hint(payload["headers"]):
            self._written = payload
            payload = payload | {"body": None, "content-type": None}
        super().__init__(payload, channel, **more)
        if self._written is not None:
            self.body = self._decoded_cache = ([], {}, {})

    def serializable(self) -> dict[str, Any]:
        """As it was in Redis, to be put back there."""
        return dict(self._written or super().serializable())


class QoS(virtual.QoS):
    """How much this worker may hold; counted in hints, of which one message may hold several.

    `prefetch_count` is the number of its slots. The loop asks for messages when more than half of what is taken ahead of
    them has been begun, and then for as many as there is room for: a turn of it costs as much as carrying out a hint.

    Attributes:
        wake: lets the loop look again whether it may ask; called by whoever made the room that it had not.
        largest: hints in the message that came last.
    """

    def __init__(self, channel: Any, prefetch_count: int = 0) -> None:
        super().__init__(channel, prefetch_count)
        self.wake: Callable[[], None] | None = None
        self.largest = 1
        self._others = 0  # besides the first of each message
        self._lock = threading.Lock()
        self._sated = False  # the loop wanted to ask, and there was no room

    def hold(self, count: int) -> None:
        """So many more than the first of a message are in hand."""
        self.largest = 1 + count
        self.let_go(-count)

    def let_go(self, count: int) -> None:
        """So many of these are not: others have them."""
        with self._lock:
            self._others -= count

    def release(self) -> None:
        """One of these is begun; by any thread."""
        self.let_go(1)
        self._look_again()

    def ack(self, delivery_tag: str) -> None:
        """The first of a message is begun; by any thread."""
        super().ack(delivery_tag)
        self._look_again()

    def can_consume(self) -> bool:
        """Whether another message may be asked for."""
        self._sated = True  # before it looks: whoever makes room from here on wakes the loop
        if self._hungry():
            self._sated = False
            return True
        return False

    def _look_again(self) -> None:
        if self._sated and self.wake is not None and self._hungry():
            self._sated = False
            self.wake()

    def _hungry(self) -> bool:
        slots = int(self.prefetch_count)
        return not slots or self._held() < slots + math.ceil((self._wanted - slots) / 2)

    @property
    def spare(self) -> int | None:
        """How many more it may hold at all, for a message may be larger than expected; None without a limit."""
        return max(2 * self._wanted - self._held(), 0) if self.prefetch_count else None

    def can_consume_max_estimate(self) -> int | None:
        """For how many more hints there is room; None without a limit."""
        return max(self._wanted - self._held(), 0) if self.prefetch_count else None

    @property
    def _wanted(self) -> int:
        return int(self.prefetch_count) * appetite.per_slot

    def _held(self) -> int:
        return len(self._delivered) - len(self._dirty) + self._others


class Channel(redis.Channel):
    """A channel that may not be able to give back what it took."""

    Message = Message

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.QoS = QoS  # type: ignore[assignment]  # as kombu does; nothing of ours is acknowledged to Redis
        self._hints = 1  # in a message, as it is to be expected

    def sockets(self) -> Iterator[socket.socket]:
        """The open ones; none is made."""
        for pool in (self._pool, self._async_pool):
            for one in [*getattr(pool, "_available_connections", ()), *getattr(pool, "_in_use_connections", ())]:
                if one._sock is not None:  # noqa: SLF001  redis-py tells nobody else
                    yield one._sock  # noqa: SLF001  see above

    def _brpop_read(self, **options: Any) -> Any:
        """Deliver the message that came, and with one more round trip as many from the same list as there is room for."""
        try:
            answer = self.client.parse_response(self.client.connection, "BRPOP", **options)
            ear.answered_at = time.monotonic()
            if not answer:
                raise Empty
            key, first = answer
            self.qos.largest = 1
            self._deliver_from(key, [first])
            self._hints = max(self.qos.largest, self._hints // 2)  # one small message says little of the next
            room = min((self.qos.can_consume_max_estimate() or 0) // self._hints, _AT_ONCE)
            if room > 0:
                self.client.connection.send_command("RPOP", key, room)
                self._deliver_from(key, self.client.connection.read_response(timeout=_PATIENCE) or [])
        except self.connection_errors:
            self.client.connection.disconnect()  # the next turn of the loop connects again
            raise
        finally:
            self._in_poll = None  # type: ignore[assignment]  # as kombu does
            self._flush_brpop_reauth()
        return True

    def _deliver_from(self, key: bytes, messages: Sequence[bytes]) -> None:
        queue = bytes_to_str(key).rsplit(self.sep, 1)[0]
        self._queue_cycle.rotate(queue)
        ear.received += len(messages)
        for message in messages:
            if len(message) > LARGEST:
                _log.error("a message of %d bytes in %s is dropped: none of ours is so large", len(message), queue)
                strange.note("too large")
                continue
            try:
                readable = _decode(bytes_to_str(message))
            except _UNREADABLE as error:
                _log.error("a message is dropped, for it is no JSON that can be read (%s)", type(error).__name__)
                strange.note("no JSON")
                continue
            self.connection._deliver(readable, queue)  # noqa: SLF001  kombu's own way

    def _receive_one(self, client: Any) -> Any:
        """An order or an event."""
        try:
            return super()._receive_one(client)
        except _UNREADABLE as error:
            _log.error("a broadcast is dropped, for it is no JSON that can be read (%s)", type(error).__name__)
            strange.note("a broadcast that is no JSON")
            raise Empty from None

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

    def _deliver(self, message: Any, queue: str) -> None:
        """Hand a message on; one that cannot be taken apart is dropped, and ends nobody.

        What is dropped was no operation: those are rows, and are hinted at again.
        """
        wrong = trouble(message)
        if wrong:
            _log.error("a message in %s is dropped: %s", queue, wrong)
            strange.note(wrong)
            return
        try:
            super()._deliver(message, queue)
        except _BROKEN:
            raise
        except Exception as error:  # noqa: BLE001  whatever Celery meets in it, nobody else's work may end with it
            _log.error("a message in %s is dropped: Celery met a %s in it", queue, type(error).__name__)
            strange.note(f"Celery met a {type(error).__name__}")
            self._forget(message["properties"]["delivery_tag"])

    def _forget(self, tag: str) -> None:
        """It takes up no place of those that a worker may hold."""
        for channel in self.channels:
            if tag in channel.qos._delivered:  # noqa: SLF001  kombu has no other word for it
                channel.basic_ack(tag)


def register() -> None:
    """Let kombu use this transport."""
    name = f"{__name__}:{Transport.__name__}"
    TRANSPORT_ALIASES.update(redis=name, rediss=name)
