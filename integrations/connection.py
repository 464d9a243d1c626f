"""urllib3 connections that keep a total deadline, and check right before the first byte whether it may still leave.

requests' own time limits start anew with every byte, and stop for no name server: a peer that drips outlives any lease.
Here every wait is cut to what is left of the call's deadline. When a request's first byte is about to leave, connected and
with TLS up, the call's guard is asked: the lease, the permit and the provider's memory of the key all age meanwhile.
"""

import errno
import socket
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as FutureTimeoutError
from dataclasses import dataclass, field
from typing import Any

from urllib3.connection import HTTPConnection, HTTPSConnection
from urllib3.exceptions import HTTPError

from config import crashpoint
from resilience.clock import boottime

_NO_FILE_LEFT = {errno.EMFILE, errno.ENFILE}  # of this process or machine: that says nothing of the provider
_PIECE = 16_384  # bytes of an answer at once: most have fewer, and a record of TLS has no more
_RESOLVERS = 8  # threads; a name server that hangs must not hold the workers' own


class NotSentError(Exception):
    """The guard spoke against sending; nothing left."""

    def __init__(self, reason: str, delay: float = 0.0) -> None:
        super().__init__(reason)
        self.reason = reason
        self.delay = delay


class ConnectError(Exception):
    """No connection; nothing left.

    Args:
        code: `dns`, `connect_refused`, `connect_timeout`, `tls` or `too_many_files`.
        down: whether it says that the provider is down; a name that we cannot look up, or no file left, is our own trouble.
    """

    def __init__(self, code: str, message: str, *, down: bool = True) -> None:
        super().__init__(message)
        self.code = code
        self.down = down


@dataclass
class CallTimes:
    """One call's times, seen by the connection that carries it.

    Attributes:
        ends: BOOTTIME of the total deadline.
        connect, read: seconds for connecting, and between two bytes.
        guard: raises `NotSentError` when the first byte must not leave any more.
        sent: whether a byte may have left.
    """

    ends: float
    connect: float
    read: float
    guard: Callable[[], None]
    sent: bool = False
    started: float = field(default_factory=boottime)

    def left(self, most: float) -> float:
        """Seconds that may still be waited, at most so many.

        Raises:
            TimeoutError: the deadline has passed.
        """
        remaining = self.ends - boottime()
        if remaining <= 0:
            raise TimeoutError("total deadline")
        return min(remaining, most)


@dataclass
class LineState:
    """Whether a thread waits for its provider, for whoever decides how many threads may work.

    Attributes:
        waiting_since: monotonic.
    """

    waiting_since: float | None = None


class _Current(threading.local):
    times: CallTimes | None = None

    def __init__(self) -> None:
        self.line = LineState()


current = _Current()
_resolvers = ThreadPoolExecutor(_RESOLVERS, thread_name_prefix="resolve")


def times() -> CallTimes:
    """The times of this thread's call."""
    if current.times is None:
        raise RuntimeError("a connection was used outside of integrations.transport")
    return current.times


class DeadlineSocket:
    """A socket whose every read and write waits no longer than the call that uses it may."""

    def __init__(self, inner: socket.socket) -> None:
        self._inner = inner

    def recv(self, size: int) -> bytes:
        """Read once, in what is left of the deadline."""
        self._limit()
        line = current.line
        line.waiting_since = time.monotonic()
        try:
            return self._inner.recv(size)
        finally:
            line.waiting_since = None

    def sendall(self, data: bytes) -> None:
        """Write all; the operating system counts the time for the whole."""
        self._limit()
        self._inner.sendall(data)

    def fileno(self) -> int:
        """For whoever looks whether the other side has closed."""
        return self._inner.fileno()

    def close(self) -> None:
        """Close it."""
        self._inner.close()

    def _limit(self) -> None:
        allowed = times()
        seconds = allowed.left(allowed.read)
        if seconds != self._inner.gettimeout():  # each change is a system call, and mostly there is none
            self._inner.settimeout(seconds)


class Connection(HTTPConnection):
    """What plain and TLS connections have in common: connecting in time, and the check before the first byte.

    Attributes:
        broken: whether a request did not leave whole; such a connection carries no other.
    """

    broken = False

    def _new_conn(self) -> socket.socket:
        allowed = times()
        last: Exception | None = None
        crashpoint.reached("call.before_connect")
        for family, kind, protocol, address in _addresses(self._dns_host, self.port or self.default_port, allowed):
            try:
                return _connected(family, kind, protocol, address, allowed)
            except OSError as error:
                last = error
        if isinstance(last, TimeoutError):
            raise ConnectError("connect_timeout", str(last)) from last
        if isinstance(last, OSError) and last.errno in _NO_FILE_LEFT:
            raise ConnectError("too_many_files", "this process may open no more files", down=False) from last
        raise ConnectError("connect_refused", str(last)) from last

    def say(self, request: bytes) -> None:
        """Send a whole request in one write, as each write is a hand-over between threads; connect before, if need be.

        Raises:
            NotSentError: the guard spoke against it; nothing left.
            ConnectError: there is no connection.
        """
        kept = self.sock is not None
        if not kept:
            self.connect()
        crashpoint.reached("call.after_connect")
        allowed = times()
        allowed.guard()
        if kept and not self.is_connected:  # the guard may have waited: what was said meanwhile would be our answer
            self.close()
            self.say(request)
            return
        allowed.sent = True
        try:
            self.sock.sendall(request)
        except (BrokenPipeError, ConnectionResetError):
            self.broken = True  # it reads no further, and may have said why: that is heard, or else the loss is
        crashpoint.reached("call.after_last_byte")

    def hear(self) -> bytes:
        """What has been answered since; empty once the other side has closed."""
        return self.sock.recv(_PIECE)


class PlainConnection(Connection):
    """HTTP, to this machine or where the deployment allows it."""

    def connect(self) -> None:
        """Connect, and read through the deadline from then on."""
        super().connect()
        self.sock = DeadlineSocket(self.sock)


class TlsConnection(Connection, HTTPSConnection):
    """HTTPS. The interpreter counts a handshake's time for the whole, so one that drips ends with it."""

    def connect(self) -> None:
        """Connect and shake hands, and read through the deadline from then on."""
        try:
            HTTPSConnection.connect(self)
        except ConnectError:
            raise
        except (OSError, ValueError, HTTPError) as error:
            raise ConnectError("tls", str(error)) from error
        self.sock = DeadlineSocket(self.sock)


def _addresses(host: str, port: int, allowed: CallTimes) -> list[tuple[int, int, int, Any]]:
    """Look a name up, in another thread: nothing else can be told to stop."""
    looking: Future[list[Any]] = _resolvers.submit(socket.getaddrinfo, host, port, 0, socket.SOCK_STREAM)
    try:
        found = looking.result(allowed.left(allowed.connect))
    except FutureTimeoutError:
        raise ConnectError("dns", "the name server did not answer in time", down=False) from None
    except OSError as error:
        raise ConnectError("dns", str(error), down=False) from error
    return [(family, kind, protocol, address) for family, kind, protocol, _, address in found]


def _connected(family: int, kind: int, protocol: int, address: Any, allowed: CallTimes) -> socket.socket:
    connection = socket.socket(family, kind, protocol)
    try:
        connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        connection.settimeout(allowed.left(allowed.connect))
        connection.connect(address)
        connection.settimeout(allowed.left(allowed.connect))  # what is left of it, for the handshake
    except BaseException:
        connection.close()
        raise
    return connection
