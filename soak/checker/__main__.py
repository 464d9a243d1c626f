"""Judge a run that has been kept: `python -m soak.checker FOLDER`; exit code 1 if a promise was broken."""

import sys
from pathlib import Path

from soak.checker import history, terms
from soak.checker.check import judge, report


def main(arguments: list[str]) -> int:
    """Read, judge, say."""
    if len(arguments) != 1 or not (Path(arguments[0]) / terms.FILE).exists():
        print("say which run: python -m soak.checker FOLDER, one that `make soak` has left")
        return 2
    found = history.read(Path(arguments[0]))
    verdict = judge(found)
    for line in report(found, verdict):
        print(line)
    print(f"{len(found.cases)} cases, {len(verdict.violations)} violations; {dict(sorted(verdict.ends.items()))}")
    return bool(verdict.violations)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
