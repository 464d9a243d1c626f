"""Faults of memory: look-ups that do not see, or see yesterday (F24), and a key store that forgets (F25)."""

import json
from dataclasses import replace
from typing import Any

from sandbox.exchange import Exchange
from sandbox.faults.fault import Lie
from sandbox.provider import FOR_EVER

YESTERDAY = {"succeeded": "processing", "Sent": "Queued", "done": "pending"}
LAG = 60.0


async def look_badly(exchange: Exchange, lie: Lie) -> None:
    """F24: the look-up does not find what is there, shows an earlier state, or fails itself."""
    match lie.form:
        case "fail":
            await exchange.send(exchange.provider.complain("internal", exchange.call))
        case "stale":
            answer = await exchange.perform()
            await exchange.send(replace(answer, body=json.dumps(_earlier(answer.json())).encode()))
        case "absent":
            await exchange.send(await exchange.perform(blind=FOR_EVER))
        case _:
            await exchange.send(await exchange.perform(blind=lie.seconds(LAG)))


async def forget(exchange: Exchange, lie: Lie) -> None:
    """F25: the key of this request, or every key there is, is lost just before the request is looked at."""
    key = None if lie.params.get("all") else exchange.call.request.header("idempotency-key")
    exchange.house.journal.append({"event": "pruned", "provider": exchange.provider.name, "key": key})
    await exchange.send(await exchange.perform())


def _earlier(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _earlier(inner) for name, inner in value.items()}
    if isinstance(value, list):
        return [_earlier(inner) for inner in value]
    return YESTERDAY.get(value, value) if isinstance(value, str) else value
