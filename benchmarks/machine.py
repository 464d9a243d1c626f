"""What it ran on: figures without it mean nothing."""

import os
import platform
import subprocess
from importlib.metadata import version
from pathlib import Path

import psutil

_PACKAGES = ("celery", "kombu", "redis", "requests", "urllib3", "psycopg", "pybreaker", "pydantic")


def machine() -> dict[str, str]:
    """Processor, memory, operating system, versions and revision."""
    return {
        "processor": f"{os.cpu_count()} x {_model()}",
        "memory": f"{psutil.virtual_memory().total / 2**30:.0f} GiB",
        "system": platform.platform(),
        "python": platform.python_version(),
        "revision": _revision(),
        **{name: version(name) for name in _PACKAGES},
    }


def _model() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor()


def _revision() -> str:
    asked = subprocess.run(["git", "describe", "--always", "--dirty"], capture_output=True, text=True, check=False)
    return asked.stdout.strip()
