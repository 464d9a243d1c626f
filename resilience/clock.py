"""The clocks: BOOTTIME for durations, because it goes on while a machine is suspended; PostgreSQL's for due times."""

import time
from collections.abc import Callable

#: Seconds since boot, suspension included.
Clock = Callable[[], float]


def boottime() -> float:
    """Seconds since boot, suspension included; falls back to the monotonic clock where the kernel has no BOOTTIME."""
    return time.clock_gettime(_CLOCK)


_CLOCK: int = getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC)
