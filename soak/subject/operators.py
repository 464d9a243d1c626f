"""Operators at work during a soak: they requeue, edit, plan, run, pause, cancel and discard, at random and by the seed.

A process of its own, started with the client. What they are refused, and what fails because a store is away, is what
operators meet; both are counted. They never say what they cannot know: nobody resolves by a guess. What they did stands in
`operators.json`.
"""

import json
import logging
import os
import random
import signal
import threading
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import psycopg

from deadletter import groups as deciding
from deadletter import resolve, run
from deadletter.plan import plan
from deadletter.requeue import requeue
from ledger import groups, letters, runs
from ledger.audit import Order
from ledger.letters import Wanted
from ledger.session import LOST
from operations.errors import InvalidArgumentsError, NotAllowedError
from soak import operations
from tasks import edit
from tasks.platform import Platform, platform

FILE = "operators.json"
_NAMES = ("ann", "bob", "cy")
_PAUSE = (0.2, 1.0)  # seconds between two deeds
_SETTLED = 10.0  # seconds after a death before its arguments are corrected: by then its caller has stopped asking again
_LOOKED = 8  # letters that are looked at for one that can be corrected
#: What is done, and how often.
_DEEDS = {"requeue": 7, "edit": 6, "plan": 3, "pause": 1, "resume": 2, "cancel": 1, "discard": 1, "group": 1}
_log = logging.getLogger(__name__)


class Operators:
    """A few people with one dice between them.

    Args:
        here: the platform.
        seed: of what they choose.
    """

    def __init__(self, here: Platform, seed: int) -> None:
        self._here = here
        self._rng = random.Random(f"{seed}/operators")
        self.done: Counter[str] = Counter()

    def work(self, ended: threading.Event) -> None:
        """Decide about something, again and again, until it is ended."""
        while not ended.wait(self._rng.uniform(*_PAUSE)):
            self.decide()

    def decide(self) -> None:
        """Decide about one thing, and count it."""
        deeds: dict[str, Callable[[], bool]] = {
            "requeue": self._requeue, "edit": self._edit, "plan": self._plan, "pause": self._pause,
            "resume": self._resume, "cancel": self._cancel, "discard": self._discard, "group": self._group,
        }  # fmt: skip
        name = self._rng.choices(list(_DEEDS), list(_DEEDS.values()))[0]
        self.done[f"{name}: {self._tried(deeds[name])}"] += 1

    def _tried(self, deed: Callable[[], bool]) -> str:
        try:
            return "done" if deed() else "nothing to do"
        except (NotAllowedError, InvalidArgumentsError):
            return "refused"
        except (*LOST, psycopg.Error) as error:
            _log.info("the ledger: %s", error)
            return "the ledger was away"

    def _who(self) -> Order:
        return Order(self._rng.choice(_NAMES), "at random")

    def _letter(self, **wanted: Any) -> int | None:
        with self._here.ledger.connection() as connection:
            found = letters.listed(connection, Wanted(limit=200, **wanted))
        return self._rng.choice(found).id if found else None

    def _requeue(self) -> bool:
        letter = self._letter()
        if letter is not None:
            requeue(self._here.ledger, self._here.registry, letter, self._who())
        return letter is not None

    def _edit(self) -> bool:
        if os.environ.get(operations.MODULE):
            return False  # which fields of somebody's own operations name the intent, nobody here knows
        with self._here.ledger.connection() as connection:
            found = connection.execute(
                "SELECT id FROM lockgate.dead_letters WHERE status = 'open' AND effect = 'none' "
                "AND dead_at < clock_timestamp() - %s * interval '1 second' ORDER BY id DESC LIMIT 200",
                [_SETTLED],
            ).fetchall()
        if not found:
            return False
        for (letter,) in self._rng.sample(found, min(len(found), _LOOKED)):
            if changes := _other(edit.arguments(self._here, letter)):
                break
        else:
            return False
        proposed = edit.propose(self._here, letter, changes, Order("ann", "at random"))
        if proposed.state == "waiting":
            edit.approve(self._here, proposed.id, Order(self._rng.choice(("ann", "bob")), "at random"))
        return True

    def _plan(self) -> bool:
        order = self._who()
        # A run takes all that it finds, so that nothing would be left to be corrected: some take what nobody may correct.
        wanted = Wanted(effect=self._rng.choice((None, None, "unknown")))
        made = plan(
            self._here.ledger, self._here.registry, wanted, order, canary=self._rng.randint(1, 5),
            tolerate=self._rng.choice((0, 0, 3)),
        )  # fmt: skip
        run.start(self._here.ledger, made.id, order)
        return True

    def _order(self, give: Callable[..., Any], states: set[str]) -> bool:
        with self._here.ledger.connection() as connection:
            found = [one.id for one in runs.listed(connection, limit=20) if one.state in states]
        if found:
            give(self._here.ledger, self._rng.choice(found), self._who())
        return bool(found)

    def _pause(self) -> bool:
        return self._order(run.pause, {"canary", "running"})

    def _resume(self) -> bool:
        return self._order(run.resume, {"paused", "stopped"})

    def _cancel(self) -> bool:
        return self._order(run.cancel, {"planned", "canary", "running", "paused", "stopped"})

    def _discard(self) -> bool:
        letter = self._letter()
        if letter is not None:
            resolve.discard(self._here.ledger, letter, self._who())
        return letter is not None

    def _group(self) -> bool:
        ledger = self._here.ledger
        groups.fold(ledger)
        with ledger.connection() as connection:
            found = groups.listed(connection, groups.Wanted(status="all"))
        if found:
            one = self._rng.choice(found).fingerprint
            self._rng.choice((deciding.acknowledge, deciding.resolve, deciding.reopen, deciding.note))(
                ledger, one, self._who()
            )
        return bool(found)


def _other(known: dict[str, Any]) -> dict[str, Any]:
    """A correction that names the same intent: an amount or a text that is no part of any key."""
    if isinstance(known.get("amount"), int):
        return {"amount": known["amount"] + 1}
    name = next((field for field in ("subject", "name", "text") if isinstance(known.get(field), str)), None)
    return {} if name is None else {name: f"{known[name]}."}


def main() -> None:
    """Work until told to end."""
    logging.basicConfig(level=logging.INFO)
    ended = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: ended.set())
    people = Operators(platform(), int(os.environ["SOAK_SEED"]))
    people.work(ended)
    Path(os.environ["SOAK_FOLDER"], FILE).write_text(json.dumps(people.done, indent=2, sort_keys=True))


if __name__ == "__main__":
    main()
