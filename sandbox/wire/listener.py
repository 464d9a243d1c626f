"""One port that can be shut and opened again without being lost to another process in between."""

import asyncio
import contextlib
import itertools
import socket
import sys
import traceback
from collections.abc import Awaitable, Callable

from sandbox.wire.answer import Answer, rendered
from sandbox.wire.line import GoneError, Line
from sandbox.wire.reading import GarbledError, read_request
from sandbox.wire.request import Request

Serve = Callable[[Line, Request], Awaitable[None]]

BACKLOG = 1024
TLS_HELLO = b"\x16"
TLS_ALERT = b"\x15\x03\x01\x00\x02\x02\x28"  # fatal, handshake_failure
NUMBERS = itertools.count(1)


class Listener:
    """Accepts lines on one port and has each request served, one after another on each line."""

    def __init__(self, *, host: str, port: int, serve: Serve) -> None:
        self._serve = serve
        self._server: asyncio.Server | None = None
        self._lines: set[Line] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._place = _bound(host, port)
        # The place keeps the port ours while nobody listens: bound, a closed door still answers "refused".
        self._host, self._port = self._place.getsockname()[:2]

    @property
    def url(self) -> str:
        """Where clients find this port."""
        return f"http://{self._host}:{self._port}"

    @property
    def open(self) -> bool:
        """Whether connections are accepted."""
        return self._server is not None

    async def listen(self) -> None:
        """Accept connections from now on."""
        if self._server is None:
            if sys.platform != "linux":
                self._place.close()  # elsewhere two sockets may not share a port, even if one only holds it
            sock = _bound(self._host, self._port)
            self._server = await asyncio.start_server(self._accept, sock=sock, backlog=BACKLOG)

    def shut(self) -> None:
        """Refuse connections from now on, and reset those that there are."""
        if self._server is not None:
            self._server.close()
            self._server = None
        for line in list(self._lines):
            line.reset()

    async def end(self) -> None:
        """Shut for good; whatever is being served is dropped."""
        self.shut()
        self._place.close()
        for task in self._tasks:
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    def _accept(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.create_task(self._converse(Line(reader, writer, number=next(NUMBERS))))
        self._tasks.add(task)
        task.add_done_callback(self._let_go)

    def _let_go(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (broken := task.exception()):
            traceback.print_exception(broken)  # a bug of ours, never a lie: it must be seen

    async def _converse(self, line: Line) -> None:
        self._lines.add(line)
        try:
            await self._serve_all(line)
        except GoneError:
            pass
        except GarbledError as garbled:
            await _refuse(line, garbled.first)
        finally:
            self._lines.discard(line)
            line.hang_up()

    async def _serve_all(self, line: Line) -> None:
        while line.open:
            request = await read_request(line)
            if request is None:
                return
            await self._serve(line, request)
            if not request.reusable:
                return


async def _refuse(line: Line, first: bytes) -> None:
    """Answer what was no request: a TLS client gets a failed handshake, anyone else a 400."""
    answer = TLS_ALERT if first == TLS_HELLO else rendered(Answer(400, b"Bad request\n"), keep=False)
    with contextlib.suppress(GoneError):
        await line.send(answer)


def _bound(host: str, port: int) -> socket.socket:
    sock = socket.socket(socket.AF_INET, socket.SOCK_STREAM)
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    sock.bind((host, port))
    return sock
