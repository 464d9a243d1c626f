"""Say what came out: a table on the terminal, a file for machines, a page for people."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.chart import chart, page
from benchmarks.provider import Strength
from benchmarks.summary import FIGURES, TARGETS, Line, Round, reached, summarise


def report(
    rounds: Sequence[Round],
    strengths: Sequence[Strength],
    machine: dict[str, str],
    *,
    folder: Path,
    slots: int,
    count: int,
) -> None:
    """Print and write everything."""
    lines = summarise(rounds)
    notes = [
        (
            f"{len(rounds)} rounds, every contender in turn; {count} operations a run; one worker with a threads pool of "
            f"{slots}, unless its name says otherwise"
        ),
        *_strength_notes(lines, strengths),
        *_target_notes(rounds),
    ]
    console = Console(width=150)
    console.print(_table(lines))
    for note in notes:
        console.print(note, highlight=False)
    folder.mkdir(parents=True, exist_ok=True)
    content = {
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "slots": slots,
        "operations": count,
        "provider": [vars(strength) for strength in strengths],
        "lines": [line.as_json() for line in lines],
        "notes": notes,
        "rounds": [[run.as_json() for run in each] for each in rounds],
    }
    (folder / "result.json").write_text(json.dumps(content, indent=1))
    (folder / "index.html").write_text(page(lines, machine, notes))
    (folder / "drained.svg").write_text(chart(lines, "drained"))
    console.print(f"written: {folder}/result.json, index.html, drained.svg", highlight=False)


def _table(lines: Sequence[Line]) -> Table:
    table = Table(
        title="median (least-greatest); x is the ratio to bare Celery with a shared Session, in the same round"
    )
    for name in (
        "",
        "ms",
        "drained /s",
        "x",
        "worker CPU ms",
        "x",
        "servers CPU ms",
        "enqueued /s",
        "x",
        "PSS MB",
        "x",
    ):
        table.add_column(name, justify="left" if not name else "right")
    for line in lines:
        value, ratio = line.values, line.ratios
        table.add_row(
            line.label, str(line.latency), str(value["drained"]), str(ratio["drained"]), str(value["worker_cpu"]),
            f"{ratio['worker_cpu'].median:.2f}", f"{value['servers_cpu'].median:.2f}", str(value["enqueued"]),
            str(ratio["enqueued"]), f"{value['memory'].median:.0f}", f"{ratio['memory'].median:.2f}",
        )  # fmt: skip
    return table


def _strength_notes(lines: Sequence[Line], strengths: Sequence[Strength]) -> list[str]:
    """By how much the provider is stronger than what was asked of it."""
    notes: list[str] = []
    for strength in strengths:
        fastest = max(
            (line.values["drained"].greatest for line in lines if _calls(line, strength.latency)), default=0.0
        )
        if fastest:
            notes.append(
                f"provider at {strength.latency} ms: {strength.requests_per_second:.0f} requests/s under wrk with "
                f"{strength.connections} connections, {strength.requests_per_second / fastest:.0f} times the fastest run"
            )
    return notes


def _calls(line: Line, latency: int) -> bool:
    return line.latency == latency and line.contender != "noop"


def _target_notes(rounds: Sequence[Round]) -> list[str]:
    notes: list[str] = []
    for target in TARGETS:
        ratio = reached(rounds, target)
        if ratio is not None:
            verdict = "reached" if target.holds(ratio.median) else "MISSED"
            other = "" if target.against is None else f" of {target.against}"
            notes.append(
                f"target: {target.contender}, {FIGURES[target.figure][0]}, at {target.latency} ms: "
                f"{'at most' if target.most else 'at least'} {target.ratio}{other}; measured {ratio}: {verdict}"
            )
    return notes
