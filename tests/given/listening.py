"""Load this into a worker: it listens to Celery's signal of a success, and writes each into LISTENING_FILE."""

import os
from typing import Any

from celery.signals import task_success


@task_success.connect(weak=False)
def write_down(sender: Any = None, **_: Any) -> None:
    """One line for each."""
    with open(os.environ["LISTENING_FILE"], "a", encoding="utf-8") as file:  # noqa: PTH123  a line at a time
        file.write(f"{sender.name} {sender.request.id}\n")
