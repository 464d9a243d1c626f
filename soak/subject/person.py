"""An operator who requeues each dead letter once, and dies at it: `python -m soak.subject.person`."""

import os
import time
from contextlib import suppress
from functools import partial

import psycopg

from deadletter.requeue import requeue
from ledger.audit import Order
from ledger.session import LOST
from operations.errors import NotAllowedError
from soak.subject import forked
from tasks.platform import platform

_PAUSE = 0.2  # seconds between two looks
_MOST = 50


def work() -> None:
    """Look for what can be requeued, for ever; each order is given by a process of its own."""
    url = os.environ["LOCKGATE_DATABASE_URL"]
    settled: list[int] = []
    while True:
        with suppress(psycopg.Error), psycopg.connect(url, connect_timeout=2) as connection:
            for (letter,) in connection.execute(_OPEN, [settled, _MOST]).fetchall():
                forked.begin(partial(order, letter))
                if os.waitstatus_to_exitcode(os.wait()[1]) == 0:  # done, or refused; else it died, and tries again
                    settled.append(letter)
        time.sleep(_PAUSE)


def order(letter: int) -> None:
    """Requeue one; what may not be is left."""
    here = platform()
    with suppress(NotAllowedError, *LOST):
        requeue(here.ledger, here.registry, letter, Order("soak", "to see it die"))


#: In their first epoch, and provably without effect: an operation that is requeued twice proves no more.
_OPEN = """
SELECT id FROM lockgate.dead_letters
WHERE status = 'open' AND epoch = 1 AND effect = 'none' AND provider <> 'local' AND id <> ALL(%s)
ORDER BY id LIMIT %s
"""

if __name__ == "__main__":
    work()
