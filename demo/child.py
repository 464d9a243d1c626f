"""A process of the demo: started, looked at, ended; it never outlives us."""

import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from embedded.process import tied_to_us


class Child:
    """One process that we own, its output in a log.

    It runs in a session of its own, so that a Ctrl-C at the terminal reaches only us, and the kernel kills it when we die.
    The kernel minds the thread that started it: start it from one that lives as long as we do.

    Args:
        name: how people call it.
        argv: the command.
        environment: all of it.
        log: where its output goes; emptied first.
    """

    def __init__(self, name: str, argv: Sequence[str], *, environment: Mapping[str, str], log: Path) -> None:
        self.name = name
        self.log = log
        with log.open("wb") as output:
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
    def ended(self) -> int | None:
        """Its exit code, negative for the signal that ended it; None while it runs."""
        return self._process.poll()

    def said(self, text: str) -> bool:
        """Whether its output holds a text."""
        return text in self.log.read_text(errors="replace")

    def last_words(self) -> str:
        """The end of its output."""
        return " / ".join(self.log.read_text(errors="replace").strip().splitlines()[-3:])

    def ask_to_end(self) -> None:
        """SIGTERM, unless it has ended."""
        if self.ended is None:
            self._process.terminate()

    def end(self, within: float) -> None:
        """Wait for its end, and kill it when it takes longer than so many seconds."""
        try:
            self._process.wait(within)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
