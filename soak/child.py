"""A process of the run: started, looked at, signalled, ended; it never outlives us."""

import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from pathlib import Path

import psutil

from embedded.process import tied_to_us


class Child:
    """One process that we own, in a session of its own; its output is added to a log.

    Args:
        name: how people call it.
        argv: the command.
        environment: all of it.
        log: where its output goes.
    """

    def __init__(self, name: str, argv: Sequence[str], *, environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        self._began = time.monotonic()
        self._from = log.stat().st_size if log.exists() else 0
        with log.open("ab") as output:
            self._process = subprocess.Popen(
                argv,
                env=dict(environment),
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                preexec_fn=tied_to_us(signal.SIGKILL),  # noqa: PLW1509  only calls prctl
            )

    @property
    def pid(self) -> int:
        """Its process id."""
        return self._process.pid

    @property
    def age(self) -> float:
        """Seconds since it was started."""
        return time.monotonic() - self._began

    @property
    def ended(self) -> int | None:
        """Its exit code, negative for the signal that ended it; None while it runs."""
        return self._process.poll()

    def said(self, text: str) -> bool:
        """Whether its output holds a text."""
        with self.log.open("rb") as log:
            log.seek(self._from)
            return text.encode() in log.read()

    def last_words(self) -> str:
        """The end of its output."""
        return " / ".join(self.log.read_text(errors="replace").strip().splitlines()[-3:])

    def signal(self, number: signal.Signals) -> None:
        """To the whole session, children included."""
        with suppress(ProcessLookupError):
            os.killpg(self.pid, number)

    def ask_to_end(self) -> None:
        """SIGTERM to the main process, unless it has ended."""
        if self.ended is None:
            self._process.terminate()

    def end(self, within: float) -> None:
        """Wait for its end, and kill it when it takes longer than so many seconds."""
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            self.signal(signal.SIGKILL)
            self._process.wait()

    def children(self) -> list[psutil.Process]:
        """Processes that it has forked."""
        try:
            return psutil.Process(self.pid).children()
        except psutil.NoSuchProcess:
            return []
