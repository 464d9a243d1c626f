"""What Flower hides; its configuration is `admin/flower/conf.py`, which adds the page of dead letters.

A hint carries no arguments, but a task that another program sends by name does, and so may a result: Flower keeps what it
hears in memory and in its own file, so none of it is shown. The ledger has it, sealed: `lockgate operation show`.
"""

from typing import Any

purge_offline_workers = 60
natural_time = False
_HIDDEN = "(in the ledger)"


def format_task(task: Any) -> Any:
    """Hide what a task was given and what it returned; Flower hands us a copy."""
    task.args = task.kwargs = _HIDDEN
    if task.result is not None:
        task.result = _HIDDEN
    return task
