"""Plain tasks that tell of the process that runs them, and what the system tells of one."""

import gc
import os
import re
import subprocess
import sys
from pathlib import Path

from tasks import attempt, core, judge
from tasks.app import app


@app.task
def cores_of_a_task() -> int:
    """Of the thread that runs it."""
    return len(os.sched_getaffinity(0))


@app.task
def cores_of_a_process() -> int:
    """Of a process that it starts."""
    asked = "import os; print(len(os.sched_getaffinity(0)))"
    return int(subprocess.run([sys.executable, "-c", asked], capture_output=True, check=True).stdout)


@app.task
def spared_by_the_collector() -> int:
    """Objects that Python's collector does not look at."""
    return gc.get_freeze_count()


@app.task
def drawn_by_chance() -> tuple[int, list[float]]:
    """Which process it is, and what its sources of chance give next."""
    return os.getpid(), [module._rng.random() for module in (attempt, core, judge)]


def shared_memory(pid: int) -> int:
    """Bytes that a process, or its parent before the fork, has written and that others have as well."""
    (kilobytes,) = re.findall(r"^Shared_Dirty: +(\d+) kB", Path(f"/proc/{pid}/smaps_rollup").read_text(), re.MULTILINE)
    return 1024 * int(kilobytes)
