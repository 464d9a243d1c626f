"""A way to a server that can be cut at a chosen moment: after a commit, before its answer."""

import re
import socket
import threading
from collections.abc import Iterator
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, field
from urllib.parse import urlsplit, urlunsplit

_READY = (
    b"Z\x00\x00\x00\x05"  # PostgreSQL's ReadyForQuery: what was asked is done, and committed when not in a transaction
)
_READY_LENGTH = 6
# The driver prepares a statement, waits for that, and from then on names it: what it does is known by the name.
_PREPARED = re.compile(rb"P.{4}(_pg3_\d+)\x00([^\x00]*)\x00", re.DOTALL)
_EXECUTED = re.compile(rb"B.{4}\x00(_pg3_\d+)\x00", re.DOTALL)
_CHUNK = 65_536
_HEAD = 4  # a message's type and length, all but the last byte


@dataclass
class Moment:
    """The next answer to a message that holds `text`: held back until released, then given or thrown away.

    Attributes:
        reached: the server has done it, and the answer is held.
        released: nobody holds the answer any more.
    """

    text: bytes
    cut: bool
    reached: threading.Event = field(default_factory=threading.Event)
    released: threading.Event = field(default_factory=threading.Event)


class Proxy:
    """Stands before a server on this machine, for those who are given its URL.

    Args:
        url: the server's.
    """

    def __init__(self, url: str) -> None:
        parts = urlsplit(url)
        assert parts.port is not None
        self._target = ("127.0.0.1", parts.port)
        self._in_messages = parts.scheme == "postgresql"
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = urlunsplit(
            parts._replace(netloc=f"{parts.netloc.rpartition(':')[0]}:{self._listener.getsockname()[1]}")
        )
        self._moments: list[Moment] = []
        self._open: set[socket.socket] = set()
        self._lock = threading.Lock()  # over both: one that is just being made is cut as well, or never served
        self._away = False
        self._muted: set[socket.socket] = set()
        threading.Thread(target=self._accept, name="proxy", daemon=True).start()

    def cut_after(self, text: bytes) -> Moment:
        """Cut the connection on which this is asked next: it is done, and nobody hears so."""
        return self._at(Moment(text, cut=True))

    def hold_after(self, text: bytes) -> Moment:
        """Let the answer to this, when it is asked next, come only when the moment is released."""
        return self._at(Moment(text, cut=False))

    @contextmanager
    def away(self) -> Iterator[None]:
        """Cut all connections, and refuse new ones meanwhile."""
        self._cut_all()
        try:
            yield
        finally:
            self._away = False

    def mute(self) -> None:
        """Make all present connections half open: they stay, and nothing passes any more. New ones are served."""
        with self._lock:
            self._muted |= self._open

    def close(self) -> None:
        for moment in self._moments:
            moment.released.set()
        self._listener.close()
        self._cut_all()

    def _at(self, moment: Moment) -> Moment:
        self._moments.append(moment)
        return moment

    def _cut_all(self) -> None:
        with self._lock:
            self._away, found = True, list(self._open)
        for one in found:
            with suppress(OSError):
                one.shutdown(socket.SHUT_RDWR)

    def _accept(self) -> None:
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            threading.Thread(target=self._serve, args=(client,), name="proxied", daemon=True).start()

    def _serve(self, client: socket.socket) -> None:
        with closing(client), suppress(OSError), closing(socket.create_connection(self._target)) as server:
            with self._lock:
                if self._away:
                    return
                self._open |= {client, server}
            asked: list[Moment] = []
            statements: dict[bytes, bytes] = {}
            rest = b""
            answers = threading.Thread(target=self._answers, args=(server, client, asked), daemon=True)
            answers.start()
            while data := client.recv(_CHUNK):
                whole, rest = _whole(rest + data) if self._in_messages else (data, b"")
                asked += self._asked(whole, statements)
                if server not in self._muted:
                    server.sendall(data)
            server.shutdown(socket.SHUT_RDWR)
            answers.join()
            with self._lock:
                self._open -= {client, server}

    def _asked(self, data: bytes, statements: dict[bytes, bytes]) -> list[Moment]:
        """The moments whose text is carried out by what is sent now; preparing a statement does nothing yet."""
        statements.update(_PREPARED.findall(data))
        done = [statements.get(name, b"") for name in _EXECUTED.findall(data)] + [_PREPARED.sub(b"", data)]
        found = [moment for moment in self._moments if any(moment.text in text for text in done)]
        for moment in found:
            self._moments.remove(moment)
        return found

    def _answers(self, server: socket.socket, client: socket.socket, asked: list[Moment]) -> None:
        """Pass answers on; one that is held is collected to its end first, so that it is known to be done."""
        held = b""
        with suppress(OSError):
            while data := server.recv(_CHUNK):
                held += data
                if asked and held[-_READY_LENGTH:-1] != _READY:
                    continue
                if asked and self._lost(asked.pop()):
                    break
                if client not in self._muted:
                    client.sendall(held)
                held = b""
            client.shutdown(socket.SHUT_RDWR)

    def _lost(self, moment: Moment) -> bool:
        moment.reached.set()
        if not moment.cut:
            moment.released.wait()
        return moment.cut


def _whole(data: bytes) -> tuple[bytes, bytes]:
    """PostgreSQL's messages that have come to their end, and the beginning of the next: what it names is not known yet."""
    at = 0
    while len(data) - at > _HEAD:
        typed = int(data[at] != 0)  # the first message of a connection has no type
        length = typed + int.from_bytes(data[at + typed : at + typed + 4])
        if at + length > len(data):
            break
        at += length
    return data[:at], data[at:]
