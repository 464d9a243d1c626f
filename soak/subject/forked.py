"""Children of a helper: forked from what has imported everything, told apart by what they do, gone with their parent."""

import os
import signal
from collections.abc import Callable

from embedded.process import tied_to_us


def begin(act: Callable[[], None]) -> int:
    """Fork a child that does something and ends; its process id."""
    tie = tied_to_us(signal.SIGKILL)
    pid = os.fork()
    if pid:
        return pid
    tie()
    try:
        act()
    finally:
        os._exit(0)


def keep(act: Callable[[], None], count: int) -> None:
    """Have so many children at it, for ever: for each that ends, another is begun."""
    for _ in range(count):
        begin(act)
    while True:
        os.wait()
        begin(act)
