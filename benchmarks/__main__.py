"""`make bench`: rounds of every contender in turn, then the report."""

import argparse
import subprocess
import sys
from pathlib import Path

from benchmarks.contender import BASELINE, CONTENDERS, PEERS, Contender, check_the_ledger
from benchmarks.install import ProviderFailedError, install_if_root
from benchmarks.machine import machine
from benchmarks.place import SLOTS, Place, prepared
from benchmarks.provider import LATENCIES
from benchmarks.report import report
from benchmarks.run import Run, run
from benchmarks.summary import Round

_FOLDER = Path("build/bench")
_WARM_UP = 100  # operations of a first run that is thrown away: a new ledger and a new Redis meet once


def main() -> int:
    """Run the benchmark; its figures are reported, and never a reason to fail."""
    options = _options()
    if any(each.python != sys.executable for each in CONTENDERS if each.name in options.only) and not PEERS.exists():
        print("the peers have no environment yet: make bench-full makes it", file=sys.stderr)
        return 1
    try:
        install_if_root()
        with prepared((_FOLDER / "servers").resolve()) as place:
            rounds, accepted = _rounds(place, options)
            check_the_ledger(place, accepted)
            strengths = [place.nginx.strength(latency) for latency in options.latency]
    except ProviderFailedError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    report(rounds, strengths, machine(), folder=_FOLDER, slots=SLOTS, count=options.operations)
    return 0


def _rounds(place: Place, options: argparse.Namespace) -> tuple[list[Round], int]:
    chosen = [each for each in CONTENDERS if each.name in {*options.only, BASELINE}]
    runs = [(each, latency) for each in chosen for latency in (options.latency if each.calls else options.latency[:1])]
    accepted = 0
    for contender in chosen:
        if argv := contender.preparation():
            subprocess.run(argv, env=place.environment(options.latency[0]), check=True, stdout=subprocess.DEVNULL)
        if contender.ours and not accepted:
            run(contender, place, options.latency[0], _WARM_UP, "warm")
            accepted += _WARM_UP
    rounds: list[Round] = []
    for number in range(options.rounds):
        turned = runs[number % len(runs) :] + runs[: number % len(runs)]  # nobody is always first
        rounds.append([])
        for contender, latency in turned:
            done = run(contender, place, latency, options.operations, f"{contender.name}-{latency}-{number}")
            accepted += options.operations if contender.ours else 0
            rounds[-1].append(done)
            _say(number + 1, options.rounds, contender, done)
    return rounds, accepted


def _say(number: int, rounds: int, contender: Contender, done: Run) -> None:
    print(
        f"round {number}/{rounds}  {contender.label:<40}{done.latency:>3} ms {done.drained:>7.0f} ops/s"
        f"{done.worker_cpu:>7.2f} ms CPU{done.enqueued:>8.0f} enqueued/s{done.memory:>6.0f} MB",
        flush=True,
    )


def _options() -> argparse.Namespace:
    names = [each.name for each in CONTENDERS]
    usual = [each.name for each in CONTENDERS if not each.full]
    parser = argparse.ArgumentParser(prog="make bench", description=__doc__)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--operations", type=int, default=1000, help="in each run")
    parser.add_argument("--only", nargs="*", choices=names, default=usual, help="besides the baseline")
    parser.add_argument("--full", action="store_const", const=names, dest="only", help="peers as well")
    parser.add_argument(
        "--latency", nargs="*", type=int, choices=LATENCIES, default=list(LATENCIES), help="milliseconds"
    )
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
