"""Reads one request off a line."""

from urllib.parse import unquote

import h11

from sandbox.wire.line import Line
from sandbox.wire.request import Request

GO_ON = b"HTTP/1.1 100 Continue\r\n\r\n"
LARGEST = 16 * 1024 * 1024


class GarbledError(Exception):
    """What came is no HTTP request that this provider would read."""

    def __init__(self, first: bytes) -> None:
        super().__init__("no request in what came")
        self.first = first


async def read_request(line: Line) -> Request | None:
    """Return the next request, or nothing when the client has left without one."""
    # A parser per request: ours never learns what was answered, so that any lie may be told without its consent.
    parser = h11.Connection(h11.SERVER)
    first = line.leftover or await line.receive()
    if not first or line.doomed:
        return None
    try:
        parser.receive_data(first)
        return await _parsed(parser, line)
    except h11.RemoteProtocolError as garbled:
        raise GarbledError(first[:1]) from garbled


async def _parsed(parser: h11.Connection, line: Line) -> Request | None:
    head: h11.Request | None = None
    body = bytearray()
    invited = False
    while True:
        event = parser.next_event()
        if isinstance(event, h11.Request):
            head = event
        elif isinstance(event, h11.Data):
            body += event.data
        elif isinstance(event, h11.EndOfMessage) and head is not None:
            line.leftover = parser.trailing_data[0]
            return _built(head, bytes(body), line.number)
        elif event is h11.NEED_DATA and len(body) <= LARGEST:
            if parser.they_are_waiting_for_100_continue and not invited:
                invited = True
                await line.send(GO_ON)
            more = await line.receive()
            if not more:
                return None
            parser.receive_data(more)
        else:
            raise h11.RemoteProtocolError("too much, or out of order")


def _built(head: h11.Request, body: bytes, connection: int) -> Request:
    headers = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in head.headers}
    path, _, query = head.target.decode("latin-1").partition("?")
    wishes = headers.get("connection", "").lower()
    return Request(
        method=head.method.decode("latin-1"),
        path=unquote(path),
        query=query,
        headers=headers,
        body=body,
        connection=connection,
        reusable="close" not in wishes and head.http_version >= b"1.1",
    )
