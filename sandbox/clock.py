"""The provider's own clock, handed to everything that must agree on what time it is."""

import time


class Clock:
    """Tells wall time for dates and monotonic time for windows."""

    def wall(self) -> float:
        """Return Unix seconds."""
        return time.time()

    def mono(self) -> float:
        """Return seconds that never step back; on Linux they go on counting over a restart of the process."""
        return time.monotonic()
