"""Places at which a process may be told to die, as if the machine had: for drills against the sandbox, off otherwise.

`LOCKGATE_CRASH_AT=claim.after_commit:3` kills a process with exit code 137 when it comes to that place for the third time;
`:2-9` draws the number, `a|b` and `*` draw the place, several are separated by commas. `LOCKGATE_CRASH_LOG` names
a file that gets a line of JSON for each death: `{"point": "claim.after_commit", "hit": 3, "pid": 4711, "at": 1764000000.0}`.
"""

import json
import os
import re
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from random import Random
from typing import Any
from urllib.parse import urlsplit

from config.errors import ConfigError, did_you_mean

EXIT_CODE = 137  # as after SIGKILL
AT, LOG = "LOCKGATE_CRASH_AT", "LOCKGATE_CRASH_LOG"

#: Every place, and what is true when a process dies there.
POINTS = {
    "accept.before_commit": "nothing is stored, and the caller knows nothing",
    "accept.after_commit": "the operation is stored, and the caller does not know",
    "hint.before_publish": "a hint is noted in the ledger, and not in Redis",
    "hint.after_publish": "a hint is in Redis, and whoever published it is dead",
    "sweep.after_mark": "hints are noted in the ledger and held in the memory of the sweep",
    "sweep.before_take_back": "a lapsed lease was seen, and nothing is written",
    "sweep.after_take_back": "a lapsed lease is decided",
    "sweep.before_judge": "somebody's time is up, and nothing is written",
    "sweep.after_judge": "somebody's time is up, and that is decided",
    "claim.before_commit": "a permit is taken, and no claim is made",
    "claim.after_commit": "lease, fence and intent are written, and nothing is sent",
    "call.before_connect": "the intent is written, and there is no connection",
    "call.after_connect": "there is a connection, and no byte has left",
    "call.after_last_byte": "the request has left, and nothing is heard",
    "call.after_first_byte": "the answer has begun",
    "call.after_answer": "the whole answer is heard, and only memory holds it",
    "inquiry.before_ask": "an inquiry is claimed, and nothing is asked",
    "inquiry.after_finding": "the provider has said if it happened, and only memory holds it",
    "record.before_commit": "it is decided how it goes on, and nothing is written",
    "record.after_commit": "outcome, evidence and state are written; a retry, a doubt or a dead letter with them",
    "follow.before_finalise": "what follows an end is sent, and that is not noted",
    "follow.after_finalise": "what follows an end is sent, and that is noted",
    "requeue.before_commit": "a requeue and its audit are under way in one transaction",
    "requeue.after_commit": "a requeue is written, and whoever ordered it does not know",
    "run.before_commit": "a run's letter is requeued and noted as sent, and neither is committed",
    "run.after_commit": "a run's letter is on its way, and the driver of the run knows nothing of the next",
}

_ORDER = re.compile(r"(?P<point>[a-z_.|]+|\*)(:(?P<least>\d+)(-(?P<most>\d+))?)?")
_HERE = {"127.0.0.1", "::1", "localhost"}


def _off(point: str) -> None:
    """Nothing: no place is armed in this process."""


#: Called at each place. Callers use it by the module's name, for arming replaces it.
reached: Callable[[str], None] = _off


class _Armed:
    """Counts who comes by, and kills at the number that was drawn."""

    def __init__(self, orders: Mapping[str, int], log: str | None) -> None:
        self._left = dict(orders)
        self._hits = dict(orders)
        self._log = log
        self._lock = threading.Lock()

    def __call__(self, point: str) -> None:
        with self._lock:
            if point not in self._left:
                return
            self._left[point] -= 1
            if self._left[point] == 0:
                self._die(point)

    def _die(self, point: str) -> None:
        if self._log is not None:
            told = {"point": point, "hit": self._hits[point], "pid": os.getpid(), "at": time.time()}
            with open(self._log, "ab", buffering=0) as log:  # noqa: PTH123  unbuffered, in one write
                log.write(json.dumps(told).encode() + b"\n")
        os._exit(EXIT_CODE)


def arm(environment: Mapping[str, str], base_urls: Iterable[str], *, rng: Any = None) -> None:
    """Arm the places that the environment names, if it names any.

    Args:
        environment: of the process.
        base_urls: of all its providers.
        rng: draws numbers and places.

    Raises:
        ConfigError: a place is unknown, or a provider is not on this machine: nobody dies beside a real one.
    """
    global reached  # noqa: PLW0603  so that a place that is not armed costs a call of nothing
    wanted = environment.get(AT, "")
    if not wanted:
        reached = _off
        return
    elsewhere = [url for url in base_urls if urlsplit(url).hostname not in _HERE]
    if elsewhere:
        raise ConfigError(
            f"{AT} is for drills against the sandbox, and {elsewhere[0]} is not on this machine: unset it"
        )
    draw = rng or Random()  # noqa: S311  drawn, not secret
    reached = _Armed(dict(_order(part.strip(), draw) for part in wanted.split(",")), environment.get(LOG))


def _order(text: str, rng: Random) -> tuple[str, int]:
    found = _ORDER.fullmatch(text)
    among = (sorted(POINTS) if found["point"] == "*" else found["point"].split("|")) if found else []
    if found is None or not set(among) <= set(POINTS):
        raise ConfigError(f"{AT}: {text!r} is no place to die at{did_you_mean(text.partition(':')[0], POINTS)}")
    least = int(found["least"] or 1)
    most = int(found["most"] or least)
    if not 1 <= least <= most:
        raise ConfigError(f"{AT}: {text!r} counts from 1 upwards, such as {among[0]}:2-9")
    return rng.choice(among), rng.randint(least, most)
