"""A plain task that fails until something outside of it is mended."""

import os
from pathlib import Path

from tasks.app import app


def drawer() -> Path:
    """The till is open while this file is there."""
    return Path(os.environ["TILL_DRAWER"])


@app.task
def count() -> str:
    """Count the money, where the till is open."""
    if not drawer().exists():
        raise RuntimeError("the till is shut")
    return "42.00"
