"""N18: PostgreSQL is restored from a backup while providers keep what was done since. Exit code 1 if a promise was broken.

A base backup is taken of a working PostgreSQL at a moment that the seed draws; work goes on; then every worker is killed,
PostgreSQL goes back to the backup, the procedure of docs/operating.md is followed, the client asks again for everything that
it asked for, and at last for something new.
"""

import argparse
import json
import random
import shutil
import signal
import sys
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from soak import faults, ratios
from soak.backup import back_up, restore
from soak.checker import asked, history, restored
from soak.checker.ledger import ENDS
from soak.errors import SoakError
from soak.place import Place
from soak.stage import Stage
from soak.subject import restoring

HOME = Path(".lockgate") / "soak"
TENANTS = ("default", "acme", "globex", "initech")
BEFORE = "asked-before.jsonl"
_NEW = 0.1  # of the operations are asked for only when it is over
_PATIENCE = 900.0  # seconds in which all must end; each is asked about twice, a settle time apart, within the limits
_TICK = 0.2


@dataclass
class Course:
    """How the run goes.

    Attributes:
        count: operations.
        pace: how many of them a second.
        share: of first and second sends that meet a fault.
        procedure: whether the commands are given; a run without them must find violations, or it proves nothing.
    """

    count: int
    pace: float
    share: float
    procedure: bool = True


class Run:
    """One run.

    Args:
        place: where.
        course: how.
        say: prints a line.
    """

    def __init__(self, place: Place, course: Course, say: Callable[[str], None]) -> None:
        self._place, self._course, self._say = place, course, say
        self._stage = Stage(place, restoring, restoring.__name__, more={})
        self._rng = random.Random(f"{place.seed}/restored")

    def play(self, command: str) -> tuple[history.History, float, float, int]:
        """All of it: what is known of the run, when it was restored and trusted, and how many were forgotten.

        Raises:
            SoakError: something did not come up, or did not end.
        """
        stage, course, folder = self._stage, self._course, self._place.folder
        try:
            stage.up(command, self._say, _fits)
            faults.begin(stage, seed=self._place.seed, share=course.share)
            self._ask(course.count, until=course.count / course.pace * self._rng.uniform(0.3, 0.6))
            back_up(stage.servers.postgres, folder / "backup")
            self._say("a base backup was taken; work goes on")
            self._ask(until=course.count / course.pace * self._rng.uniform(0.2, 0.4))
            known = self._go_back()
            restored_at = time.time()
            told = self._order("restored", "a drill")
            self._say(f"{told.get('left', 0)} operations are asked about first")
            for name in list(stage.workers):
                stage.start_worker(name)
            self._ask(course.count, until=None)
            self._let_it_end()
            self._order("trust", "all have asked again")
            trusted_at = time.time()
            self._ask(round(course.count * (1 + _NEW)), until=None)
            self._let_it_end()
            restoring.dump(self._place)
        finally:
            stage.down()
        return history.read(folder), restored_at, trusted_at, known

    def _ask(self, count: int | None = None, *, until: float | None) -> None:
        """Let the client ask, for so many seconds or until it has asked for all."""
        stage, began = self._stage, time.monotonic()
        if count is not None:
            stage.start_client(pace=self._course.pace, count=count)
        while stage.asking and (until is None or time.monotonic() - began < until):
            stage.mend()
            time.sleep(_TICK)

    def _go_back(self) -> int:
        """Kill everything in the middle of its work, and go back to the backup; how many operations are forgotten."""
        stage, folder = self._stage, self._place.folder
        stage.end_client()
        for child in stage.workers.values():
            child.signal(signal.SIGKILL)
        before = self._counted()
        restore(stage.servers.postgres, folder / "backup")
        forgotten = before - self._counted()
        (folder / asked.FILE).rename(folder / BEFORE)
        self._say(f"every worker was killed, and PostgreSQL has gone back to the backup: {forgotten} are forgotten")
        return forgotten

    def _order(self, what: str, because: str) -> dict[str, Any]:
        if not self._course.procedure:
            return {}
        said = restoring.command(self._stage.environment, "ledger", what, "--because", because, "--json")
        found: dict[str, Any] = json.loads(said)
        return found

    def _counted(self) -> int:
        with self._stage.servers.admin() as connection:
            row = connection.execute("SELECT count(*) FROM lockgate.operations").fetchone()
        return int(row[0]) if row else 0

    def _let_it_end(self) -> None:
        look, until = restoring.states(self._place.database_url), time.monotonic() + _PATIENCE
        while time.monotonic() < until:
            self._stage.mend()
            states = look()
            if states is not None and not any(count for state, count in states.items() if state not in ENDS):
                return
            time.sleep(1.0)


def _fits(agreed: object) -> None:
    if wrong := ratios.check(agreed):  # type: ignore[arg-type]
        raise SoakError(f"the durations do not fit each other: {'; '.join(wrong)}")


def main(arguments: list[str] | None = None) -> int:
    """Run it, judge it, say it."""
    taken = argparse.ArgumentParser(prog="make restored", description=__doc__)
    seed = random.SystemRandom().randrange(1, 100_000)
    taken.add_argument("--seed", type=int, default=seed, help="a new one if not given")
    taken.add_argument("--count", type=int, default=2000, help="operations that are asked for, and asked for again")
    taken.add_argument("--pace", type=float, default=25.0, help="operations per second")
    taken.add_argument("--share", type=float, default=0.3, help="of first and second sends that meet a fault")
    taken.add_argument("--without-procedure", action="store_true", help="to see what happens to who does not follow it")
    given = taken.parse_args(arguments)
    folder = (HOME / f"restored-{given.seed}").absolute()
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    folder.chmod(0o755)
    command = f'make restored ARGS="--seed {given.seed} --count {given.count}"'
    print(f"seed {given.seed}; the same run again: {command}", flush=True)
    run = Run(
        Place(folder, given.seed, TENANTS),
        Course(given.count, given.pace, given.share, not given.without_procedure),
        _say,
    )
    try:
        found, restored_at, trusted_at, forgotten = run.play(command)
    except SoakError as error:
        print(f"it could not be run: {error}")
        return 2
    return _tell(found, restored_at, trusted_at, forgotten)


def _say(line: str) -> None:
    print(line, flush=True)


def _tell(found: history.History, restored_at: float, trusted_at: float, forgotten: int) -> int:
    violations = restored.judge(found, restored=restored_at, trusted=trusted_at)
    for one in violations[:20]:
        print(f"VIOLATED {one.invariant} ({one.what}): {one.sentence}")
    ends = Counter(f"{case.kind.means} {case.operation.end if case.operation else 'not there'}" for case in found.cases)
    twice = Counter(
        case.kind.means
        for case in found.cases
        if any(one.at < restored_at for one in case.writes) and any(one.at > restored_at for one in case.writes)
    )
    print(f"{len(found.cases)} operations, {forgotten} forgotten by the ledger; {dict(sorted(ends.items()))}")
    print(f"sent on both sides of the restore: {dict(sorted(twice.items()))}")
    print(f"{len(violations)} violations" + ("" if violations else f": at most 3 in {len(found.cases)}"))
    return bool(violations)


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    sys.exit(main())
