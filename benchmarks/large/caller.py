"""A caller in a process of its own, which does what it reads: one JSON list of arguments a line, answered by one line.

`python -m benchmarks.large.caller SENDER`: `delay` enqueues each by itself and says when it began, in nanoseconds of
CLOCK_MONOTONIC; `accept_many` accepts all of a line, and says how many seconds that took. A field `tenant` is passed on.
"""

import json
import sys
import time
from typing import Any

from benchmarks.enqueue import sender_named


def main(name: str) -> None:
    """Until there is nothing more to read."""
    send = sender_named(name)
    for line in sys.stdin:
        items: list[dict[str, Any]] = json.loads(line)
        began, clock = time.monotonic_ns(), time.perf_counter()
        send(items)
        print(json.dumps({"began": began, "took": time.perf_counter() - clock}), flush=True)


if __name__ == "__main__":
    main(sys.argv[1])
