"""One accepted connection, with every way to end it well or badly."""

import asyncio
import socket
import struct

CHUNK = 65536
LINGER_NOT = struct.pack("ii", 1, 0)


class GoneError(ConnectionError):
    """The client has left the line."""


class Line:
    """Bytes in and out of one socket; it may close cleanly, be reset, or be left hanging."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, *, number: int) -> None:
        self._reader = reader
        self._writer = writer
        self.number = number
        self.leftover = b""  # what a pipelining client has sent beyond the request that was read
        self.doomed = False  # close at the first byte of the next request

    async def receive(self) -> bytes:
        """Return what comes next, or nothing once the client has left."""
        try:
            return await self._reader.read(CHUNK)
        except ConnectionError:
            return b""

    async def send(self, data: bytes) -> None:
        """Send the bytes; raises `GoneError` when nobody listens any more."""
        if self._writer.is_closing():
            raise GoneError
        try:
            self._writer.write(data)
            await self._writer.drain()
        except ConnectionError as left:
            raise GoneError from left

    async def until_gone(self, *, within: float | None) -> None:
        """Wait until the client has left, but no longer than `within` seconds."""
        try:
            async with asyncio.timeout(within):
                while await self.receive():
                    pass
        except TimeoutError:
            return

    def hang_up(self) -> None:
        """Close in good order: the client reads an end of file."""
        self._writer.close()

    def reset(self) -> None:
        """Close with a reset: the client gets an error, whatever is under way."""
        if not self._writer.is_closing():
            self._writer.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, LINGER_NOT)
        self._writer.transport.abort()

    @property
    def open(self) -> bool:
        """Whether this side still holds the line."""
        return not self._writer.is_closing()
