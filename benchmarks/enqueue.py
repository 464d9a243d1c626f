"""One caller in a process of its own: enqueue so many operations, and say how long each took.

`python -m benchmarks.enqueue SENDER COUNT PREFIX` prints one line of JSON.
"""

import json
import sys
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any

_WARM = 20  # operations before the clock starts: connections are made once, not for each


def fields(prefix: str, number: int) -> dict[str, Any]:
    """The arguments of one payment; the same for everybody."""
    return {"order_id": f"{prefix}-{number:06}", "amount": 4200, "currency": "gbp", "customer": "cus_QbenchmarkBench"}


def main(sender: str, count: int, prefix: str) -> None:
    """Enqueue, with the clock running after the first few."""
    send = sender_named(sender)
    items = [fields(prefix, number) for number in range(count)]
    send(items[:_WARM])
    wall, processor = time.perf_counter(), time.process_time()
    send(items[_WARM:])
    measured = count - _WARM
    taken = {"wall": (time.perf_counter() - wall) / measured, "cpu": (time.process_time() - processor) / measured}
    print(json.dumps(taken), flush=True)


def sender_named(name: str) -> Callable[[list[dict[str, Any]]], None]:
    """`accept_many`, `delay`, a task of the baseline (`bare.session`), or a peer's (`peers.with_dramatiq`)."""
    if name == "accept_many":
        return _accept_many
    if name == "delay":
        from tasks.payments import take_payment  # noqa: PLC0415  needs its environment, which the baseline has not

        return lambda items: _one_by_one(take_payment, items)
    if name.startswith("peers."):
        peer = import_module(f"benchmarks.{name}")
        return lambda items: _each(peer.send, items)
    from benchmarks import bare  # noqa: PLC0415  needs its environment

    return lambda items: _one_by_one(getattr(bare, name.removeprefix("bare.")), items)


def _each(send: Callable[[dict[str, Any]], None], items: list[dict[str, Any]]) -> None:
    for item in items:
        send(item)


def _one_by_one(task: Any, items: list[dict[str, Any]]) -> None:
    for item in items:
        task.delay(**item)


def _accept_many(items: list[dict[str, Any]]) -> None:
    from tasks.payments import take_payment  # noqa: PLC0415  see above

    verdicts = take_payment.accept_many(items)
    if any(verdict.answer != "accepted" for verdict in verdicts):
        raise RuntimeError("an operation was not accepted")


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), sys.argv[3])
