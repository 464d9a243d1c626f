"""A server of few lines that does on the wire whatever a test wants."""

import socket
import ssl
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from types import TracebackType
from typing import Self

Behave = Callable[["Line"], None]

OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@dataclass
class Line:
    """One connection, as the peer sees it."""

    socket: socket.socket
    heard: bytearray = field(default_factory=bytearray)
    requests: list[bytes] = field(default_factory=list)
    sent: int = 0

    def request(self) -> bytes:
        """Read one whole request; empty when the other side has closed."""
        start = len(self.heard)
        while b"\r\n\r\n" not in self.heard[start:]:
            if not self._more():
                return b""
        head, _, _ = bytes(self.heard[start:]).partition(b"\r\n\r\n")
        length = next((int(row[15:]) for row in head.split(b"\r\n") if row.lower().startswith(b"content-length:")), 0)
        while len(self.heard) < start + len(head) + 4 + length:
            if not self._more():
                return b""
        self.requests.append(bytes(self.heard[start:]))
        return self.requests[-1]

    def say(self, data: bytes) -> None:
        self.socket.sendall(data)
        self.sent += len(data)

    def reset(self) -> None:
        """Close with a RST instead of a FIN."""
        self.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\x01\x00\x00\x00\x00\x00\x00\x00")
        self.socket.close()

    def _more(self) -> bool:
        data = self.socket.recv(65_536)
        self.heard += data
        return bool(data)


class Peer:
    """Listens on loopback; each connection behaves as told, in a thread of its own.

    Args:
        behave: what a connection does; it ends with the function.
        tls: makes it an HTTPS server.
        welcome: told the number of each connection, from 0, before its handshake; may take its time.
    """

    def __init__(
        self, behave: Behave, tls: ssl.SSLContext | None = None, *, welcome: Callable[[int], None] = lambda _: None
    ) -> None:
        self._behave = behave
        self._tls = tls
        self._welcome = welcome
        self.lines: list[Line] = []
        self._threads: list[threading.Thread] = []
        self._over = False
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = self._listener.getsockname()[1]
        self.url = f"{'https' if tls else 'http'}://127.0.0.1:{self.port}"

    def __enter__(self) -> Self:
        self._start(self._accept)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._over = True
        with suppress(OSError):
            self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        for line in self.lines:
            with suppress(OSError):
                line.socket.shutdown(socket.SHUT_RDWR)
            line.socket.close()
        for thread in self._threads:
            thread.join()

    @property
    def heard(self) -> bytes:
        """Everything that was said to it, on all connections; decrypted."""
        return b"".join(bytes(line.heard) for line in self.lines)

    def _start(self, run: Callable[[], None]) -> None:
        thread = threading.Thread(target=run, daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self) -> None:
        while True:
            try:
                connection, _ = self._listener.accept()
            except OSError:
                return
            line = Line(connection)
            self.lines.append(line)
            number = len(self.lines) - 1
            self._start(lambda line=line, number=number: self._serve(line, number))  # type: ignore[misc]

    def _serve(self, line: Line, number: int) -> None:
        with suppress(OSError):  # the other side has gone, which is what many tests are about
            self._welcome(number)
            if self._tls is not None:
                line.socket = self._tls.wrap_socket(line.socket, server_side=True)
            if not self._over:  # or what was closed at the end was the socket without TLS, and nobody closes this one
                self._behave(line)
            line.socket.close()


def answers(*said: bytes) -> Behave:
    """A connection that answers one request after another, and then closes."""

    def behave(line: Line) -> None:
        for answer in said:
            if line.request():
                line.say(answer)

    return behave


def answers_always(said: bytes = OK) -> Behave:
    """A connection that gives the same answer for as long as it is asked."""

    def behave(line: Line) -> None:
        while line.request():
            line.say(said)

    return behave
