"""`python -m benchmarks.sign_in`: does the time of a refused sign-in tell if somebody has that name?"""

import statistics
import time

from admin.access import passwords
from benchmarks.machine import machine

_PAIRS = 200


def main() -> None:
    """Measure in pairs, one right after the other and first in turn, so that a busy machine sways both alike."""
    stored = passwords.hashed(passwords.make())

    def took(of: str | None) -> float:
        began = time.perf_counter()
        passwords.right(of, "wrong password")
        return time.perf_counter() - began

    took(None), took(stored)
    ratios = []
    for turn in range(_PAIRS):
        first, second = (stored, None) if turn % 2 else (None, stored)
        times = {first is None: took(first), second is None: took(second)}
        ratios.append(times[True] / times[False])
    quarters = statistics.quantiles(ratios)
    print(", ".join(f"{key} {value}" for key, value in machine().items()))
    spread = f"middle half {quarters[0]:.3f}-{quarters[2]:.3f}"
    print(f"unknown name / known name, {_PAIRS} pairs: median {quarters[1]:.3f}, {spread}")


if __name__ == "__main__":
    main()
