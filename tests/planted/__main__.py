"""`make planted`: every bug is planted into the real platform, and the test that must catch it must fail by an assertion."""

import argparse
import os
import re
import subprocess
import sys
import time
from collections import Counter
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from planted.bugs import BUGS

ROOT = Path(__file__).parent.parent.parent
_LONGEST = 600  # seconds for one test; a bug may make it hang
_PATIENCE = 90  # seconds that it waits for what a bug may keep from ever coming; without the bug it is there in ten
_TRIES = 3  # of a run that came to nothing: a machine that is busy with something else is no proof either way


class Verdict(StrEnum):
    """What planting one came to."""

    CAUGHT = "caught"
    NOT_CAUGHT = "NOT CAUGHT"
    TROUBLE = "RUN TROUBLE"


@dataclass(frozen=True, slots=True)
class Run:
    """One bug, planted: the verdict, and the end of what the test said."""

    verdict: Verdict
    said: str


def main() -> int:
    """Run them all; 1 when one was not caught, or was never put to a test that counts."""
    parser = argparse.ArgumentParser(prog="make planted", description=__doc__)
    parser.add_argument("bug", nargs="*", help="only these")
    names = parser.parse_args().bug or list(BUGS)
    if unknown := [name for name in names if name not in BUGS]:
        parser.error(f"{unknown[0]} is no planted bug; there are {', '.join(BUGS)}")
    began, counted = time.monotonic(), Counter[Verdict]()
    for name in names:
        print(f"{BUGS[name].bug} … ", end="", flush=True)
        run = insisted(name)
        counted[run.verdict] += 1
        print(run.verdict, flush=True)
        if run.verdict is not Verdict.CAUGHT:
            print(f"  by {BUGS[name].caught_by}\n{run.said}", flush=True)
    print(f"{counted[Verdict.CAUGHT]} of {len(names)} caught, in {time.monotonic() - began:.0f} s")
    return int(counted[Verdict.CAUGHT] < len(names))


def insisted(name: str) -> Run:
    """Plant it, until a run counts."""
    run = planted(name)
    for left in range(_TRIES - 1, 0, -1):
        if run.verdict is not Verdict.TROUBLE:
            break
        print(f"(trouble, {left} more: {run.said.strip().splitlines()[-1:]}) ", end="", flush=True)
        run = planted(name)
    return run


def planted(name: str) -> Run:
    """Plant it, and run its test: it is caught when that failed by an assertion of its own, and not for want of a server."""
    environment = os.environ | {
        "PLANTED_BUG": name, "LOCKGATE_TASKS": "planted.load", "PYTHONPATH": str(ROOT / "tests"),
        "DRILL_PATIENCE": str(_PATIENCE),
    }  # fmt: skip
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "planted.load", "--tb=short", BUGS[name].caught_by]
    try:
        run = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=_LONGEST
        )
    except subprocess.TimeoutExpired as late:
        return Run(Verdict.TROUBLE, f"it took more than {_LONGEST} s\n{str(late.stdout or '')[-2000:]}")
    return Run(verdict(run.returncode, run.stdout), run.stdout[-2000:] + run.stderr[-500:])


def verdict(code: int, said: str) -> Verdict:
    """What pytest's exit code and words come to."""
    if code == 0:
        return Verdict.NOT_CAUGHT
    by_assertion = re.search(r"^E +(assert|AssertionError)", said, re.MULTILINE)
    in_the_test = re.search(r"^FAILED ", said, re.MULTILINE)  # an ERROR is one of what surrounds it
    return Verdict.CAUGHT if code == 1 and by_assertion and in_the_test else Verdict.TROUBLE


if __name__ == "__main__":
    sys.exit(main())
