"""Deaths at crash points: a file of the run's folder, written by those who died."""

import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

FILE = "deaths.jsonl"


def counted(folder: Path) -> Counter[str]:
    """How many died at which place."""
    log = folder / FILE
    if not log.exists():
        return Counter()
    return Counter(json.loads(line)["point"] for line in log.read_text().split("\n")[:-1])


def fewest(points: Sequence[str], folder: Path) -> int:
    """The deaths at the place that was hit the least."""
    found = counted(folder)
    return min(found[point] for point in points)
