"""What a process tree has used: processor time and memory."""

from collections.abc import Iterable
from contextlib import suppress

import psutil


def processor_seconds(pids: Iterable[int]) -> dict[int, float]:
    """User and system time of these processes and all below them, by process."""
    found: dict[int, float] = {}
    for process in _tree(pids):
        with suppress(psutil.NoSuchProcess):
            times = process.cpu_times()
            found[process.pid] = times.user + times.system
    return found


def used(before: dict[int, float], after: dict[int, float]) -> float:
    """Processor seconds between two looks; of a process that came meanwhile, all of it."""
    return sum(seconds - before.get(pid, 0.0) for pid, seconds in after.items())


def proportional_memory(pids: Iterable[int]) -> float:
    """MB of trees, shared pages divided among those who share them (PSS)."""
    total = 0
    for process in _tree(pids):
        with suppress(psutil.NoSuchProcess):
            total += process.memory_full_info().pss
    return total / 1e6


def _tree(pids: Iterable[int]) -> list[psutil.Process]:
    found: list[psutil.Process] = []
    for pid in pids:
        with suppress(psutil.NoSuchProcess):
            root = psutil.Process(pid)
            found += [root, *root.children(recursive=True)]
    return found
