"""Faults in which no answer comes: hanging, resets, closed lines, and effects that come later (F01 to F07, F23)."""

import asyncio

from sandbox.exchange import Exchange
from sandbox.faults.fault import Lie
from sandbox.wire.answer import rendered
from sandbox.wire.listener import TLS_ALERT

PATIENCE = 120.0  # a client that has not left by then has lost its own time limit; the line is closed on it


async def refuse(exchange: Exchange, lie: Lie) -> None:
    """F01: shut the port for a while; this request is the last that the provider saw, and did not do."""
    exchange.silence("refused")
    outage = {"provider": exchange.provider.name, "mode": "refuse", "seconds": lie.seconds(0.5)}
    exchange.house.command("/outage", outage)
    exchange.line.reset()


async def break_handshake(exchange: Exchange, _: Lie) -> None:
    """F02: answer with a TLS alert; a client that really speaks TLS here gets one without any fault."""
    exchange.silence("handshake")
    await exchange.line.send(TLS_ALERT)
    exchange.line.hang_up()


async def hang(exchange: Exchange, lie: Lie) -> None:
    """F03 and F04: never answer."""
    if lie.after:
        await exchange.perform()
    exchange.silence("hung")
    await exchange.line.until_gone(within=lie.seconds(PATIENCE))
    exchange.line.hang_up()


async def reset(exchange: Exchange, lie: Lie) -> None:
    """F05: reset instead of an answer."""
    if lie.after:
        await exchange.perform()
    exchange.silence("reset")
    exchange.line.reset()


async def reset_midway(exchange: Exchange, _: Lie) -> None:
    """F06: reset in the middle of the answer."""
    answer = await exchange.perform()
    data = rendered(answer)
    data = data[: len(data) - max(1, len(answer.body) // 2)]
    exchange.note(answer, size=len(data), how="reset")
    await exchange.line.send(data)
    exchange.line.reset()


async def close_reused(exchange: Exchange, lie: Lie) -> None:
    """F07: close without a byte, at once or (variant `next`) under the first byte of the line's next request."""
    if lie.variant == "next":
        exchange.line.doomed = True
        await exchange.send(await exchange.perform())
        return
    if lie.after:
        await exchange.perform()
    exchange.silence("closed")
    exchange.line.hang_up()


async def do_later(exchange: Exchange, lie: Lie) -> None:
    """F23: wait until the client has left, and some seconds more; then do what it asked for."""
    exchange.silence("late")
    left = asyncio.Event()

    async def late() -> None:
        await left.wait()
        await asyncio.sleep(lie.seconds(1.0))

    # Begun now, so that the idempotency key counts as being executed; and in the background, for what the provider
    # has taken on no longer hangs on the line.
    exchange.house.background(exchange.perform(pause=late))
    await exchange.line.until_gone(within=lie.seconds(PATIENCE, name="patience"))
    exchange.line.hang_up()
    left.set()
