"""Medians and spreads, and ratios taken within a round: what the machine does between two rounds cancels out."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from statistics import median
from typing import Any

from benchmarks.contender import BASELINE, CONTENDERS
from benchmarks.run import Run

Round = list[Run]


@dataclass(frozen=True)
class Spread:
    """The median of some values, with the least and the greatest."""

    median: float
    least: float
    greatest: float

    def __str__(self) -> str:
        return f"{_short(self.median)} ({_short(self.least)}-{_short(self.greatest)})"

    def as_json(self) -> dict[str, float]:
        """For the file."""
        return {"median": self.median, "min": self.least, "max": self.greatest}


@dataclass(frozen=True)
class Line:
    """One contender at one latency: its own figures, and its ratios to the baseline of the same round and latency."""

    contender: str
    label: str
    latency: int
    values: dict[str, Spread]
    ratios: dict[str, Spread]

    def as_json(self) -> dict[str, Any]:
        """For the file."""
        return {
            "contender": self.contender,
            "latency_ms": self.latency,
            "values": {name: value.as_json() for name, value in self.values.items()},
            "ratios": {name: value.as_json() for name, value in self.ratios.items()},
        }


#: What is reported, and in which unit.
FIGURES: dict[str, tuple[str, Callable[[Run], float]]] = {
    "drained": ("operations/s drained", lambda run: run.drained),
    "worker_cpu": ("ms worker CPU per operation", lambda run: run.worker_cpu),
    "servers_cpu": ("ms PostgreSQL and Valkey CPU per operation", lambda run: run.servers_cpu),
    "enqueued": ("operations/s enqueued by one caller", lambda run: run.enqueued),
    "enqueue_cpu": ("ms caller CPU per operation", lambda run: run.enqueue_cpu),
    "memory": ("MB of the worker (PSS)", lambda run: run.memory),
    "scripts": ("round trips to Redis for admission per operation", lambda run: run.scripts),
}


@dataclass(frozen=True)
class Target:
    """A ratio that is aimed at: at least so much of another's, or at most; where there is no other, the figure itself."""

    contender: str
    latency: int
    figure: str
    ratio: float
    against: str | None = BASELINE
    most: bool = False

    def holds(self, measured: float) -> bool:
        """Whether it is reached."""
        return measured <= self.ratio if self.most else measured >= self.ratio


TARGETS = (
    Target("lockgate", 0, "drained", 2.5),
    Target("lockgate", 50, "drained", 2.0),
    Target("lockgate", 0, "drained", 1.0, against="noop"),
    Target("lockgate", 0, "worker_cpu", 0.5, most=True),
    Target("lockgate", 50, "worker_cpu", 0.5, most=True),
    Target("lockgate", 0, "enqueued", 0.9),
    Target("lockgate-bulk", 0, "enqueued", 8.0),
    Target("lockgate", 0, "scripts", 0.1, against=None, most=True),
    Target("lockgate", 50, "scripts", 0.1, against=None, most=True),
    Target("lockgate-two", 0, "drained", 1.5, against="prefork"),
    Target("lockgate-two", 0, "memory", 0.5, against="prefork", most=True),
    Target("lockgate", 0, "drained", 2.5, against="procrastinate"),
    Target("lockgate-two", 0, "drained", 1.0, against="dramatiq"),
)


def summarise(rounds: Iterable[Round]) -> list[Line]:
    """One line for each contender and latency that was run."""
    runs = list(rounds)
    lines: list[Line] = []
    for contender in CONTENDERS:
        for latency in sorted({run.latency for each in runs for run in each if run.contender == contender.name}):
            pairs = [_pair(each, contender.name, latency) for each in runs]
            found = [pair for pair in pairs if pair is not None]
            values = {name: spread(read(own) for own, _ in found) for name, (_, read) in FIGURES.items()}
            ratios = {
                name: spread(read(own) / max(read(base), 1e-9) for own, base in found)
                for name, (_, read) in FIGURES.items()
            }
            lines.append(Line(contender.name, contender.label, latency, values, ratios))
    return lines


def spread(values: Iterable[float]) -> Spread:
    """The spread of some values."""
    found = list(values)
    return Spread(median(found), min(found), max(found))


def reached(rounds: Iterable[Round], target: Target) -> Spread | None:
    """The ratio or figure that a target speaks of; None when it was not measured."""
    if target.against is None:
        runs = [
            run for each in rounds for run in each if (run.contender, run.latency) == (target.contender, target.latency)
        ]
        return spread(FIGURES[target.figure][1](run) for run in runs) if runs else None
    pairs = [_pair(each, target.contender, target.latency, target.against) for each in rounds]
    read = FIGURES[target.figure][1]
    ratios = [read(pair[0]) / max(read(pair[1]), 1e-9) for pair in pairs if pair is not None]
    return spread(ratios) if ratios else None


def _pair(each: Round, contender: str, latency: int, against: str = BASELINE) -> tuple[Run, Run] | None:
    """A run, and another's of the same round and latency."""
    by_name = {(run.contender, run.latency): run for run in each}
    own, base = by_name.get((contender, latency)), by_name.get((against, latency))
    return None if own is None or base is None else (own, base)


def _short(value: float) -> str:
    return f"{value:.0f}" if abs(value) >= 100 else f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"
