"""Python's collector need not look at what a worker was made of each time: it stays, and looking at it took 100 ms."""

import gc
from typing import Any

from celery import signals


@signals.worker_ready.connect
def spare(**_: Any) -> None:
    """From now on it looks at what comes later alone."""
    gc.collect()
    gc.freeze()


@signals.worker_before_create_process.connect
def share(**_: Any) -> None:
    """Before the first child of prefork: what the collector looked at, each child would have a copy of.

    Not before those that come later: what is only waiting for the collector then would never be freed.
    """
    if not gc.get_freeze_count():
        gc.freeze()


@signals.worker_process_init.connect
def spare_without_a_look(**_: Any) -> None:
    """In a child of prefork, for the same reason."""
    gc.freeze()
