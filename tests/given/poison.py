"""Load this into a worker: payments of orders with a telling name take down whoever reads their answer."""

import ctypes
import os
import signal
import threading
from collections.abc import Callable
from typing import Any

from integrations.stripe import TakePayment

_outcome, _finding = TakePayment.outcome, TakePayment.finding


def _recurse() -> None:
    _recurse()


_ENDS: dict[str, Callable[[], Any]] = {
    "segfault": lambda: ctypes.string_at(0),
    "oom": lambda: os.kill(os.getpid(), signal.SIGKILL),  # as the kernel does when memory is out
    "exit": lambda: os._exit(1),
    "hang": lambda: threading.Event().wait(),
    "recursion": _recurse,
}


def _read(kind: Any, reply: Any) -> Any:
    _take_down("poison", reply)
    return _outcome(kind, reply)


def _find(kind: Any, sent: Any, reply: Any) -> Any:
    _take_down("venom", reply)
    return _finding(kind, sent, reply)


def _take_down(what: str, reply: Any) -> None:
    for how, end in _ENDS.items():
        if f"{what}-{how}" in str(reply.body):
            end()


TakePayment.outcome, TakePayment.finding = _read, _find  # type: ignore[method-assign]
