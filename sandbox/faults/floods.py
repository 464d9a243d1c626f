"""Faults of size: a huge body, a body that unpacks to one, and headers without end (F16); streamed, never held."""

import asyncio
import zlib
from collections.abc import Callable, Iterator

from sandbox.exchange import Exchange
from sandbox.faults.fault import Lie
from sandbox.wire.answer import Answer, head

PIECE = 65536
BODY_BYTES = 8 * 1024 * 1024
BOMB_BYTES = 64 * 1024 * 1024
HEADER_LINES = 1000
PER_PIECE = 500


async def flood(exchange: Exchange, lie: Lie) -> None:
    """F16: an answer that nobody should read to its end."""
    answer = await exchange.perform()
    exchange.note(answer, how="flooded")
    for piece in FLOODS[lie.form or "body"](answer, lie):
        await exchange.line.send(piece)
        await asyncio.sleep(0)  # packing is work: others are served in between
    exchange.line.hang_up()


def _body(answer: Answer, lie: Lie) -> Iterator[bytes]:
    size = lie.number("bytes", BODY_BYTES)
    opening, closing = answer.body.rstrip(b"}") + b',"padding":"', b'"}'
    length = len(opening) + size + len(closing)
    yield head(answer.status, (*answer.headers, ("Content-Length", str(length)), ("Connection", "close"))) + opening
    yield from _pieces(size)
    yield closing


def _bomb(answer: Answer, lie: Lie) -> Iterator[bytes]:
    framing = (("Content-Encoding", "gzip"), ("Transfer-Encoding", "chunked"), ("Connection", "close"))
    yield head(answer.status, (*answer.headers, *framing))
    packer = zlib.compressobj(9, zlib.DEFLATED, zlib.MAX_WBITS | 16)
    for piece in _pieces(lie.number("bytes", BOMB_BYTES)):
        packed = packer.compress(piece)
        yield _chunk(packed) if packed else b""  # an empty chunk would end the body
    yield _chunk(packer.flush()) + b"0\r\n\r\n"


def _headers(answer: Answer, lie: Lie) -> Iterator[bytes]:
    framing = (("Content-Length", str(len(answer.body))), ("Connection", "close"))
    yield head(answer.status, (*answer.headers, *framing)).removesuffix(b"\r\n")
    count = lie.number("lines", HEADER_LINES)
    for start in range(0, count, PER_PIECE):
        numbers = range(start, min(start + PER_PIECE, count))
        yield "".join(f"X-Flood-{number}: {number}\r\n" for number in numbers).encode()
    yield b"\r\n" + answer.body


def _pieces(size: int) -> Iterator[bytes]:
    whole, rest = divmod(size, PIECE)
    piece = b"x" * PIECE
    for _ in range(whole):
        yield piece
    yield piece[:rest]


def _chunk(data: bytes) -> bytes:
    return f"{len(data):x}\r\n".encode() + data + b"\r\n"


FLOODS: dict[str, Callable[[Answer, Lie], Iterator[bytes]]] = {"body": _body, "bomb": _bomb, "headers": _headers}
