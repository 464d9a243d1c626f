"""The process in which one suspect is carried out, and nothing else: `python -m tasks.alone`, started by `tasks.suspect`."""

import ctypes
import json
import logging
import os
import signal
import sys
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from config import logs
from ledger.session import LOST
from tasks import delivery, platform
from tasks.app import app
from tasks.attempt import Attempt
from tasks.suspect import NO_LEDGER, WORD

_PR_SET_PDEATHSIG = 1  # linux/prctl.h


def main(arguments: Sequence[str]) -> int:
    """Make one attempt; the exit code is 0 when it was written down, or there was nothing to do."""
    worker, name, ticket_id, about = arguments
    _belong_to(worker)
    settings = platform.platform().settings
    logs.set_up(settings.log, settings.secrets(), level=logging.INFO)
    app.loader.import_default_modules()
    told = json.loads(about)
    _speak()
    try:
        _attempt(Attempt(
            platform.platform(), app.tasks[name].bound_kind, ticket_id, told["tenant"], probe=told["probe"], alone=True,
            spare=told.get("spare", False), answered=_speak,
        ))  # fmt: skip
    except LOST:
        return NO_LEDGER
    return 0


def _attempt(attempt: Attempt) -> None:
    work = delivery.admitted(attempt)
    if work is not None and work.claimed is not None and work.permit is not None:
        attempt.call(work.claimed, work.permit)


def _belong_to(worker: str) -> None:
    """Die with the worker, before it when memory is short, and at nobody else's word."""
    platform.join(worker)
    for number in (signal.SIGINT, signal.SIGTERM):  # meant for the worker, which waits for us
        signal.signal(number, signal.SIG_IGN)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
        with suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")


def _speak() -> None:
    os.write(sys.stdout.fileno(), WORD)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
