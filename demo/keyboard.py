"""Single keys from the terminal, without Enter; nothing where there is no terminal."""

import contextlib
import os
import select
import sys
import termios
import time
import tty
from collections.abc import Iterator


@contextlib.contextmanager
def listening() -> Iterator[bool]:
    """While inside, keys come one by one; whether there is a terminal to listen to."""
    if not sys.stdin.isatty() or os.tcgetpgrp(sys.stdin.fileno()) != os.getpgrp():
        yield False  # in the background, changing the terminal would stop us
        return
    before = termios.tcgetattr(sys.stdin)
    try:
        tty.setcbreak(sys.stdin)
        yield True
    finally:
        termios.tcsetattr(sys.stdin, termios.TCSADRAIN, before)


def key(within: float, *, listening: bool) -> str:
    """The key pressed within so many seconds; empty for none, and where nobody listens."""
    if not listening:
        time.sleep(within)
        return ""
    ready, _, _ = select.select([sys.stdin], [], [], within)
    return os.read(sys.stdin.fileno(), 1).decode(errors="replace") if ready else ""
