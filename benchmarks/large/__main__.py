"""The second half of `make bench-full`: what grows, and the latency of one operation. It reports, and asserts nothing."""

import argparse
import json
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.install import ProviderFailedError, install_if_root
from benchmarks.large.latency import latency
from benchmarks.large.limited import limited
from benchmarks.large.neighbours import neighbours
from benchmarks.large.past import past
from benchmarks.large.tenants import tenants
from benchmarks.large.waiting import waiting
from benchmarks.machine import machine
from benchmarks.place import Place, prepared

_FOLDER = Path("build/bench-large")


def main() -> int:
    """Run what was asked for, each on servers of its own."""
    given = _options()
    parts: dict[str, Callable[[Place], dict[str, Any]]] = {
        "latency": partial(latency, count=given.count),
        "limited": limited,
        "neighbours": partial(neighbours, count=given.count, rounds=given.rounds),
        "past": partial(past, rows=given.past, rounds=given.rounds, operations=given.operations),
        "waiting": partial(waiting, rows=given.waiting, watched=given.watched),
        "tenants": partial(tenants, count=given.tenants, rows=given.backlog),
    }
    result: dict[str, Any] = {"machine": machine()}
    try:
        install_if_root()
        for name in given.only:
            print(name, flush=True)
            with prepared((_FOLDER / "servers").resolve()) as place:
                result[name] = parts[name](place)
            print(json.dumps({name: _short(result[name])}, indent=1), flush=True)
    except ProviderFailedError as error:
        print(error, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    (_FOLDER / "result.json").write_text(json.dumps(result, indent=1))
    print(f"written: {_FOLDER}/result.json")
    return 0


def _short(found: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in found.items() if name != "runs"}


def _options() -> argparse.Namespace:
    names = ("latency", "limited", "neighbours", "past", "waiting", "tenants")
    parser = argparse.ArgumentParser(prog="make bench-large", description=__doc__)
    parser.add_argument("--only", nargs="*", choices=names, default=list(names))
    parser.add_argument("--count", type=int, default=200, help="latency, neighbours: operations of each side")
    parser.add_argument("--past", type=int, default=10_000_000, help="finished operations")
    parser.add_argument("--rounds", type=int, default=5, help="past, neighbours: rounds")
    parser.add_argument("--operations", type=int, default=1000, help="past: of one run")
    parser.add_argument("--waiting", type=int, default=1_000_000, help="operations behind an open breaker")
    parser.add_argument("--watched", type=float, default=60.0, help="waiting: seconds with the breaker open")
    parser.add_argument("--tenants", type=int, default=10_000)
    parser.add_argument("--backlog", type=int, default=100_000, help="tenants: operations of one of them that wait")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
