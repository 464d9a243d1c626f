"""Faults in what a good answer carries: cut short, of the wrong kind, or drifted from the schema (F13 to F15, F18)."""

import asyncio
import json
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from sandbox.exchange import Exchange
from sandbox.faults.fault import Lie
from sandbox.faults.statuses import reference_in
from sandbox.journal import Json
from sandbox.wire.answer import Answer, head, in_json, page

GZIP = ("Content-Encoding", "gzip")
CHUNKED = ("Transfer-Encoding", "chunked")
STATUSES = ("status", "Status", "Message")


async def cut(exchange: Exchange, lie: Lie) -> None:
    """F13: a good answer that breaks off, or that cannot be unpacked."""
    answer = await exchange.perform()
    data = CUTS[lie.form or "length"](answer)
    exchange.note(answer, size=len(data), how="cut")
    await exchange.line.send(data)
    exchange.line.hang_up()


async def mistake_type(exchange: Exchange, lie: Lie) -> None:
    """F14: a 200 that is not what it should be."""
    made = await exchange.perform() if lie.after else None
    if lie.form == "empty":
        await exchange.send(Answer(200, b"", (("Content-Type", "application/json"),)))
    elif lie.form == "type":
        body = made.body if made else b"{}"
        await exchange.send(Answer(200, body, (("Content-Type", "text/plain"),)))
    else:
        await exchange.send(page(200, "Scheduled maintenance"))


async def half_succeed(exchange: Exchange, lie: Lie) -> None:
    """F15: a success by its status, with failures inside."""
    made = await exchange.perform() if lie.after else None
    wrong = exchange.provider.complain("invalid", exchange.call)
    if lie.form == "207":
        first = {"status": made.status, "body": made.json()} if made else {"status": 500, "body": None}
        await exchange.send(in_json(207, {"results": [first, {"status": wrong.status, "body": wrong.json()}]}))
    else:
        await exchange.send(replace(wrong, status=200))


async def drift(exchange: Exchange, lie: Lie) -> None:
    """F18: a good answer in a shape that nobody announced."""
    answer = await exchange.perform()
    value = answer.json()
    if isinstance(value, dict):
        value = DRIFTS[lie.form or "missing"](value, answer)
    body = json.dumps(value).encode()
    await exchange.send(replace(answer, body=body))


async def drip(exchange: Exchange, lie: Lie) -> None:
    """F17: a good answer, one byte at a time, either from its first byte or from its body on."""
    answer = await exchange.perform()
    framing = (("Content-Length", str(len(answer.body))), ("Connection", "close"))
    start, rest = head(answer.status, (*answer.headers, *framing)), answer.body
    exchange.note(answer, size=len(start) + len(rest), how="dripped")
    if lie.form == "headers":
        start, rest = b"", start + rest
    if start:
        await exchange.line.send(start)
    for place in range(len(rest)):
        await exchange.line.send(rest[place : place + 1])
        await asyncio.sleep(lie.seconds(0.5))
    exchange.line.hang_up()


def _short(answer: Answer) -> bytes:
    framing = ("Content-Length", str(len(answer.body)))
    return head(answer.status, (*answer.headers, framing)) + answer.body[: len(answer.body) // 2]


def _chunk(answer: Answer) -> bytes:
    # The chunk's length is announced in full; then the line closes in its middle, and no last chunk ever comes.
    announced = f"{len(answer.body):x}\r\n".encode()
    return head(answer.status, (*answer.headers, CHUNKED)) + announced + answer.body[: len(answer.body) // 2]


def _gzip(answer: Answer) -> bytes:
    body = b"\x1f\x8b\x08\x00" + answer.body
    framing = (GZIP, ("Content-Length", str(len(body))), ("Connection", "close"))
    return head(answer.status, (*answer.headers, *framing)) + body


def _without_id(value: Json, answer: Answer) -> Json:
    reference = reference_in(answer)
    return {name: kept for name, kept in value.items() if kept is None or kept != reference}


def _renamed(value: Json, answer: Answer) -> Json:
    reference = reference_in(answer)
    return {("identifier" if kept and kept == reference else name): kept for name, kept in value.items()}


def _extended(value: Json, _: Answer) -> Json:
    return value | {"schema_revision": 7, "insights": {"score": 0.5, "tags": ["new"]}}


def _stringly(value: Json, _: Answer) -> Json:
    numbers = {name: str(kept) for name, kept in value.items() if type(kept) in {int, float}}
    return value | numbers


def _restated(value: Json, _: Answer) -> Json:
    return value | {name: "recalibrating" for name in STATUSES if name in value}


CUTS: dict[str, Callable[[Answer], bytes]] = {"length": _short, "chunk": _chunk, "gzip": _gzip}
DRIFTS: dict[str, Callable[[Json, Answer], Any]] = {
    "missing": _without_id,
    "renamed": _renamed,
    "extra": _extended,
    "string": _stringly,
    "status": _restated,
}
