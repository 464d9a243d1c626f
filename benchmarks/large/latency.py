"""One operation on an idle system, until its request has arrived at the provider: from the beginning of `.delay()`, and from
its return, when it is accepted."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from statistics import quantiles
from typing import Any

from benchmarks.contender import CONTENDERS
from benchmarks.enqueue import fields
from benchmarks.large.parts import caller, worker
from benchmarks.place import Place

_BETWEEN = 0.05  # seconds of silence before each
_WARM = 10
_ROUND = 25  # operations of one side before it is the other's turn


def latency(place: Place, *, count: int) -> dict[str, Any]:
    """Milliseconds of bare Celery and of ours, in turns; less than none where a request left before its caller went on.

    Args:
        place: servers.
        count: operations of each side.
    """
    sides = {name: next(each for each in CONTENDERS if each.name == name) for name in ("session", "lockgate")}
    called: dict[str, list[float]] = {name: [] for name in sides}
    accepted: dict[str, list[float]] = {name: [] for name in sides}
    with _arrivals() as arrivals:
        url = f"http://127.0.0.1:{next(arrivals)}"
        more = {"LOCKGATE_STRIPE_BASE_URL": url, "BENCH_URL": f"{url}/v1/payment_intents"}
        environment = place.environment(0) | more
        for turn in range(-(-count // _ROUND)):
            for name, contender in sides.items():
                log = place.folder / f"latency-{name}.log"
                with worker(contender, environment, log), caller(contender.sender, environment) as own:
                    for number in range(_WARM + _ROUND):
                        time.sleep(_BETWEEN)
                        said = own.send([fields(f"latency-{name}-{turn}", number)])
                        whole = (int(next(arrivals)) - said["began"]) / 1e6
                        if number >= _WARM:
                            called[name].append(whole)
                            accepted[name].append(whole - said["took"] * 1e3)
            print(f"  latency: {(turn + 1) * _ROUND} of each side", flush=True)
    return {"from the call": _compared(called), "from acceptance": _compared(accepted)}


def _compared(taken: dict[str, list[float]]) -> dict[str, Any]:
    found: dict[str, Any] = {name: _quantiles(values) for name, values in taken.items()}
    return found | {"ratio of p50": found["lockgate"]["p50"] / found["session"]["p50"]}


def _quantiles(values: list[float]) -> dict[str, float]:
    cuts = quantiles(values, n=100)
    return {"p50": cuts[49], "p95": cuts[94], "p99": cuts[98]}


@contextmanager
def _arrivals() -> Iterator[Iterator[str]]:
    argv = [sys.executable, "-m", "benchmarks.large.arrivals"]
    process = subprocess.Popen(argv, stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    try:
        yield (line.strip() for line in process.stdout)
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
