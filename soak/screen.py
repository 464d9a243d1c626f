"""Where a run is: a bar on a terminal, a line now and then elsewhere."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

from soak.run import Progress as Where

_EVERY = 10.0  # seconds between lines where there is no terminal


class Screen:
    """Shows it.

    Args:
        console: where.
    """

    def __init__(self, console: Console) -> None:
        self._console = console
        self._bar = Progress(
            TextColumn("{task.description}"), BarColumn(), TextColumn("{task.fields[states]}"), TimeElapsedColumn(),
            console=console, disable=not console.is_terminal, transient=True,
        )  # fmt: skip
        self._task = self._bar.add_task("starting", total=None, states="")
        self._last = 0.0

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._bar.stop()

    def say(self, line: str) -> None:
        """A line that stays."""
        self._console.print(line, soft_wrap=True)

    def show(self, where: Where) -> None:
        """Where it is now."""
        states = ", ".join(f"{state} {count}" for state, count in sorted(where.states.items()))
        self._bar.update(self._task, description=where.phase, total=where.total, completed=where.elapsed, states=states)
        if not self._console.is_terminal and time.monotonic() - self._last > _EVERY:
            self._last = time.monotonic()
            self._console.print(f"{where.phase} {where.elapsed:.0f} of {where.total:.0f} s: {states}", soft_wrap=True)
