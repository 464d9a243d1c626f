"""Python runs this before anything else: the wall clock of this process jumps to and fro by SOAK_CLOCK seconds (N15).

`time.time` is what kombu, Celery and we read; the monotonic clocks and those of PostgreSQL and Redis are left alone.
"""

import os
import time

_EVERY = 15.0  # seconds between two jumps
_offset = float(os.environ.get("SOAK_CLOCK", "0"))
_right = time.time


def _wrong() -> float:
    return _right() + (_offset if int(time.monotonic() / _EVERY) % 2 else 0.0)


if _offset:
    time.time = _wrong
