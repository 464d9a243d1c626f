"""`make baselines`: the same soak and seed for Lockgate and for three pieces of ordinary Celery code; then the table."""

import argparse
import subprocess
import sys
from pathlib import Path

from baselines.count import COLUMNS, count
from soak.checker import history

SUBJECTS = {
    "Lockgate": "soak.subject.lockgate",
    "B0: `autoretry_for`, a new key per try": "baselines.subjects.b0",
    "B1: `acks_late`, `reject_on_worker_lost`, one key, `countdown`": "baselines.subjects.b1",
    "B2: B1 with an outbox": "baselines.subjects.b2",
}
#: SIGKILL of a pool's child, of a worker, of two; FLUSHALL; PostgreSQL crashes and recovers.
ATTACKS = ("N1", "N2", "N8", "N11")
HOME = Path(".lockgate") / "baselines"
_FAILED = 2  # the soak's exit code when it could not be run; 1 says that it found something, which here is the point


def main() -> int:
    """Run all, and print the table."""
    parser = argparse.ArgumentParser(prog="make baselines", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--count", type=int, default=2000, help="operations for each")
    parser.add_argument("--patience", type=float, default=120.0, help="seconds that the baselines get to finish")
    parser.add_argument("--only", action="append", default=[], help="run these alone (Lockgate, B0, B1, B2)")
    given = parser.parse_args()
    for name, subject in SUBJECTS.items():
        if not given.only or _short(name) in given.only:
            print(f"\n{name}", flush=True)
            if _soak(_folder(name, given.seed), subject, given) >= _FAILED:
                return _FAILED
    print("\n" + table(given.seed))
    return 0


def _soak(folder: Path, subject: str, given: argparse.Namespace) -> int:
    command = [
        sys.executable, "-m", "soak", "--subject", subject, "--seed", str(given.seed), "--count", str(given.count),
        "--folder", str(folder), "--room=0", *(f"--only={attack}" for attack in ATTACKS),
    ]  # fmt: skip
    if subject != SUBJECTS["Lockgate"]:  # which says itself when all must have ended; they would be waited for in vain
        command += ["--patience", str(given.patience)]
    log = folder.with_suffix(".log")
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w") as output:
        code = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT, check=False).returncode
    print(log.read_text().rstrip().splitlines()[-1], flush=True)
    return code


def table(seed: int) -> str:
    """The table, of the runs whose folders are there."""
    lines = [
        f"| per 10,000 that were taken | {' | '.join(COLUMNS)} | taken |",
        f"| --- {'| ---: ' * (len(COLUMNS) + 1)}|",
    ]
    for means, what in (("KNQX", ""), ("K", ", of what has an idempotency key")):
        for name in SUBJECTS:
            if (folder := _folder(name, seed)).is_dir():
                found = count(history.read(folder), means)
                cells = " | ".join(found.per_ten_thousand(column) for column in COLUMNS)
                lines.append(f"| {name if means != 'K' else _short(name)}{what} | {cells} | {found.accepted:,} |")
    return "\n".join(lines)


def _folder(name: str, seed: int) -> Path:
    return HOME / f"{_short(name).lower()}-{seed}"


def _short(name: str) -> str:
    return name.partition(":")[0]


if __name__ == "__main__":
    sys.exit(main())
