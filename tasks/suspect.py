"""An operation that was twice lost with its worker gets a process of its own, so that its neighbours stay innocent.

If that process dies too, nothing else can have been to blame: the operation is poison. The provider is asked, if it can be,
and then it is a person's turn. If it ends well, it was a neighbour of something else, and goes on as ever.
"""

import json
import logging
import os
import select
import subprocess
import sys
import threading
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from config import crashpoint
from ledger.release import blame, later
from ledger.session import LOST
from tasks import hint
from tasks.core import core
from tasks.platform import platform

WORD = b"."  # what it says
NO_LEDGER = 75  # EX_TEMPFAIL: the process ends so when the ledger is away, which is nobody's fault
_BEGINNING = 60.0  # seconds for a process to come up, on a machine that is busy
_WRITING = 660.0  # seconds for which an outcome in hand may wait for the ledger
_BUSY_PAUSE = 2.0  # seconds until the next one is looked at while another has the only seat

_seat = threading.Semaphore(1)  # one at a time, whatever waits: a process each would cost more memory than a crash
_log = logging.getLogger(__name__)


def carry_out(task: Any, ticket_id: str, request: Mapping[str, Any]) -> None:
    """Make the next attempt at a suspect, in a process of its own, and wait for its end."""
    if not _seat.acquire(blocking=False):
        later(platform().ledger, [ticket_id], _BUSY_PAUSE)
        return
    try:
        _watched(task, ticket_id, request)
    finally:
        _seat.release()


def _watched(task: Any, ticket_id: str, request: Mapping[str, Any]) -> None:
    here = platform()
    about = json.dumps(request[hint.HEADER])
    command = [sys.executable, "-X", "faulthandler", "-m", "tasks.alone", here.worker, task.name, ticket_id, about]
    unarmed = {name: value for name, value in os.environ.items() if name != crashpoint.AT}  # a drill is no poison
    with core.roaming():
        child = subprocess.Popen(command, env=unarmed, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)  # noqa: S603  our own words
    with child:
        try:
            code = _end_of(child, lease=task.bound_kind.provider.lease)
        finally:
            child.kill()
    if code in {0, NO_LEDGER}:
        return
    with suppress(*LOST):  # then its lease lapses, and it is tried alone once more
        if blame(here.ledger, ticket_id, f"{here.worker}/{child.pid}/"):
            _log.error("the operation of ticket %s took down the process made for it (code %d)", ticket_id, code)


def _end_of(child: "subprocess.Popen[bytes]", *, lease: float) -> int:
    """How it ended. It says when it begins and when it has an outcome; who has none when the lease is over hangs."""
    if not _says(child, _BEGINNING):
        return NO_LEDGER  # nothing was claimed
    if not _says(child, lease):
        child.kill()
        return child.wait()
    try:
        return child.wait(_WRITING)
    except subprocess.TimeoutExpired:
        return NO_LEDGER


def _says(child: "subprocess.Popen[bytes]", patience: float) -> bool:
    """Whether it says something in time, or is dead, and says no more."""
    assert child.stdout is not None
    waiting = select.poll()
    waiting.register(child.stdout.fileno(), select.POLLIN)
    if not waiting.poll(patience * 1000):
        return False
    os.read(child.stdout.fileno(), len(WORD))
    return True
