"""Plain tasks that tell of the process that runs them."""

import gc
import os
import subprocess
import sys

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
