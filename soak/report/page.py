"""One page that shows a run: it needs nothing but itself."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from html import escape
from typing import Any

from soak.checker.history import History
from soak.checker.terms import Limit
from soak.report import chart
from soak.report.figures import Figures

_ORDER = ("succeeded", "declined", "dead", "awaiting", "unconfirmed", "calling", "waiting")
_STYLE = """
body{font:15px/1.5 system-ui,sans-serif;max-width:1000px;margin:2em auto;padding:0 1em;color:#222;background:#fff}
svg{width:100%;height:auto;font:11px system-ui,sans-serif;fill:#444}.grid{stroke:#8883}
.mark{stroke:#d33;stroke-dasharray:2 3}
.limit{stroke:#d33;stroke-width:1.5}.legend span{margin-right:1.2em}.legend i{display:inline-block;width:.8em;height:.8em;
margin-right:.4em}table{border-collapse:collapse}td,th{padding:.15em .8em .15em 0;text-align:left;vertical-align:top}
.good{color:#2a7d2a}.bad{color:#c22}pre{overflow:auto;background:#8881;padding:1em}.columns{columns:3}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#181818}svg{fill:#bbb}}
"""


def page(history: History, figures: Figures, attacks: Sequence[dict[str, Any]], samples: Sequence[dict[str, Any]],
         lines: Sequence[str]) -> str:  # fmt: skip
    """The whole page.

    Args:
        history: of the run.
        figures: see `soak.report.figures`.
        attacks: its log of attacks.
        samples: how many operations were in which state, by the second.
        lines: what the checker printed.
    """
    began = samples[0]["at"] if samples else 0.0
    count = sum(figures["violations"].values())
    verdict = f'<span class="bad">{count} violations</span>' if count else '<span class="good">no violation</span>'
    parts = [
        f"<h1>Soak, seed {history.terms.seed}: {verdict}</h1>",
        f"<p>{figures['operations']} operations. {escape(str(figures['bound'] or ''))}</p>",
        f"<p>The same run again: <code>{escape(history.terms.command)}</code></p>",
        f"<pre>{escape(chr(10).join(lines))}</pre>" if lines else "",
        "<h2>Operations by state; the dashed lines are attacks</h2>",
        _states(samples, attacks, began),
        *(_limit(history, limit, began, samples) for limit in history.terms.limits if limit.per),
        "<h2>Recovery: from the end of an attack to the next end of an operation, middle and longest</h2>",
        chart.bars([(name, one["p50"], one["max"]) for name, one in figures["recovery"].items()], "s"),
        f"<p>What a killed process held was in other hands after: {escape(_pairs(figures['retaken']))} (seconds).</p>",
        f"<p>The sandbox itself stood still: {escape(_pairs(figures['standstills']))} (seconds).</p>",
        "<h2>Figures</h2>",
        *(_table(title, figures[name]) for title, name in _TABLES),
    ]
    head = f'<meta charset="utf-8"><title>Soak, seed {history.terms.seed}</title><style>{_STYLE}</style>'
    return f'<!doctype html><html lang="en"><head>{head}</head><body>{"".join(parts)}</body></html>'


_TABLES = (
    ("How operations ended, by means", "ends"),
    ("Dead letters: means, effect, reason", "letters"),
    ("Sends that left a doubt, by means", "doubts"),
    ("Share that ended unknown, by means (R3)", "unknown"),
    ("Sends per operation (R8)", "sends"),
    ("Attacks", "attacks"),
    ("Faults, as they were met", "faults"),
    ("Breaker moves", "breaker"),
    ("Deaths at crash points (R4)", "crash_points"),
)


def _states(samples: Sequence[dict[str, Any]], attacks: Sequence[dict[str, Any]], began: float) -> str:
    known = [sample for sample in samples if "states" in sample]
    times = [sample["at"] - began for sample in known]
    names = [name for name in _ORDER if any(sample["states"].get(name) for sample in known)]
    series = {name: [float(sample["states"].get(name, 0)) for sample in known] for name in names}
    marks = [(one["at"] - began, f"{one['id']} {one['said']}") for one in attacks if one["said"] != "over"]
    return chart.areas(series, times, marks)


def _limit(history: History, limit: Limit, began: float, samples: Sequence[dict[str, Any]]) -> str:
    """The fullest window that ends in each second, for each lane of a limit."""
    names = history.terms.tenants.get(limit.provider, {})
    lanes: dict[str, list[tuple[float, float]]] = defaultdict(list)
    for request in sorted(history.journal.requests, key=lambda request: request.mono):
        if request.provider == limit.provider:
            lane = names.get(request.tenant, request.tenant) if limit.tenant else "all"
            lanes[lane].append((request.mono, request.at - began))
    series = {lane: _by_second(calls, limit.per) for lane, calls in sorted(lanes.items())}
    seconds = samples[-1]["at"] - began if samples else 1.0
    title = f"<h2>{escape(limit.said)}: calls in the fullest window, second by second, by the provider's clock</h2>"
    return title + chart.lines(series, limit.calls, f"limit {limit.calls}", seconds)


def _by_second(calls: Sequence[tuple[float, float]], per: float) -> list[tuple[float, float]]:
    most: dict[int, int] = {}
    first = 0
    for last, (mono, at) in enumerate(calls):
        while calls[first][0] <= mono - per:
            first += 1
        most[int(at)] = max(most.get(int(at), 0), last - first + 1)
    return [(float(second), float(most.get(second, 0))) for second in range(max(0, min(most)), max(most) + 1)]


def _table(title: str, rows: Mapping[str, Any]) -> str:
    body = "".join(
        f"<tr><td>{escape(str(name))}</td><td>{escape(str(value))}</td></tr>" for name, value in sorted(rows.items())
    )
    return f'<h3>{escape(title)}</h3><div class="columns"><table>{body}</table></div>'


def _pairs(values: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in values.items())
