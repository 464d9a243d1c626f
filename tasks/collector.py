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
@signals.worker_process_init.connect
def share(**_: Any) -> None:
    """The same around a fork: whatever the collector looked at, the child would have a copy of."""
    gc.freeze()
