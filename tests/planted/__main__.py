"""`make planted`: every bug is planted into the real platform, and the test that must catch it must fail by an assertion."""

import argparse
import os
import re
import subprocess
import sys
from pathlib import Path

from planted.bugs import BUGS

ROOT = Path(__file__).parent.parent.parent


def main() -> int:
    """Run them all; 1 when one was not caught."""
    parser = argparse.ArgumentParser(prog="make planted", description=__doc__)
    parser.add_argument("bug", nargs="*", help="only these")
    missed = 0
    for name in parser.parse_args().bug or BUGS:
        print(f"{BUGS[name].bug} … ", end="", flush=True)
        said = caught(name)
        print("caught" if said is None else f"NOT CAUGHT by {BUGS[name].caught_by}\n{said}", flush=True)
        missed += said is not None
    return min(missed, 1)


def caught(name: str) -> str | None:
    """Plant it, and run its test: None when that failed by an assertion, else what was said."""
    environment = os.environ | {
        "PLANTED_BUG": name, "LOCKGATE_TASKS": "planted.load", "PYTHONPATH": str(ROOT / "tests"),
    }  # fmt: skip
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "planted.load", "--tb=short", BUGS[name].caught_by]
    run = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=600)
    by_assertion = run.returncode == 1 and re.search(r"^E +(assert|AssertionError)", run.stdout, re.MULTILINE)
    return None if by_assertion else run.stdout[-2000:] + run.stderr[-500:]


if __name__ == "__main__":
    sys.exit(main())
