"""What an operation costs over ten million finished ones, against over ten thousand: rounds of both, in turn."""

from statistics import median
from typing import Any

from benchmarks.contender import CONTENDERS
from benchmarks.pages.rows import fill
from benchmarks.place import Place
from benchmarks.run import Run, run

_FEW = 10_000


def past(place: Place, *, rows: int, rounds: int, operations: int) -> dict[str, Any]:
    """The ratios, round by round, of CPU (worker's and servers') and of speed.

    Args:
        place: servers.
        rows: finished operations of the long past.
        rounds: so many of each.
        operations: of one run.
    """
    contender = next(each for each in CONTENDERS if each.name == "lockgate")
    places = {size: place.fresh(number) for number, size in enumerate((_FEW, rows), start=2)}
    for size, where in places.items():
        fill(where.database_url, operations=size, letters=0, waiting=0)
    runs: dict[int, list[Run]] = {size: [] for size in places}
    for number in range(-1, rounds):
        for size, where in places.items():
            done = run(contender, where, 0, operations, f"past-{number}")
            if number >= 0:  # the first is to get warm
                runs[size].append(done)
                print(f"  over {size:>10,}: {done.drained:.0f} ops/s, {_cpu(done):.2f} ms CPU in all", flush=True)
    pairs = list(zip(runs[_FEW], runs[rows], strict=True))
    return {
        "rows": rows,
        "cpu, ratio": median(_cpu(late) / _cpu(early) for early, late in pairs),
        "drained, ratio": median(late.drained / early.drained for early, late in pairs),
        "enqueue cpu, ratio": median(late.enqueue_cpu / early.enqueue_cpu for early, late in pairs),
        "runs": {str(size): [each.as_json() for each in found] for size, found in runs.items()},
    }


def _cpu(done: Run) -> float:
    return done.worker_cpu + done.servers_cpu
