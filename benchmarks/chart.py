"""The ratios as a picture: a bar for each contender, its spread, and a line where bare Celery stands."""

from collections.abc import Sequence
from html import escape

from benchmarks.summary import FIGURES, Line

_WIDTH, _LEFT, _BAR, _GAP = 860, 300, 18, 10
_COLOURS = {
    "naive": "#b9c0c7",
    "session": "#8b949e",
    "session-held": "#9da6ae",
    "noop": "#d5dade",
    "lockgate": "#1f6f78",
    "lockgate-bulk": "#3aa6a0",
    "lockgate-two": "#1f6f78",
    "prefork": "#8b949e",
    "dramatiq": "#a78bba",
    "procrastinate": "#c39a6b",
}
_SHOWN = ("drained", "worker_cpu", "enqueued", "memory")
_STYLE = "font:14px/1.5 system-ui,sans-serif;max-width:900px;margin:2em auto;color:#24292f"


def page(lines: Sequence[Line], machine: dict[str, str], notes: Sequence[str]) -> str:
    """A page that stands alone: no script, no font, nothing to fetch."""
    charts = "".join(f"<h2>{escape(FIGURES[name][0])}</h2>{chart(lines, name)}" for name in _SHOWN)
    facts = "".join(f"<tr><td>{escape(name)}</td><td>{escape(value)}</td></tr>" for name, value in machine.items())
    said = "".join(f"<li>{escape(note)}</li>" for note in notes)
    return (
        f'<!doctype html><meta charset="utf-8"><title>Lockgate: what the guarantees cost</title><body style="{_STYLE}">'
        "<h1>What the guarantees cost</h1><p>Bars are ratios to bare Celery with a shared Session in the same round "
        "and at the same latency (the vertical line is 1); whiskers are the least and the greatest round.</p>"
        f"{charts}<h2>Notes</h2><ul>{said}</ul><h2>Machine</h2><table>{facts}</table></body>\n"
    )


def chart(lines: Sequence[Line], figure: str) -> str:
    """One figure's ratios, as SVG."""
    most = max((line.ratios[figure].greatest for line in lines), default=1.0)
    scale = (_WIDTH - _LEFT - 150) / max(most, 1.0)
    height = len(lines) * (_BAR + _GAP) + _GAP
    one = _LEFT + scale
    bars = "".join(_bar(line, figure, at, scale) for at, line in enumerate(lines))
    rule = f'<line x1="{one:.1f}" y1="0" x2="{one:.1f}" y2="{height}" stroke="#24292f" stroke-dasharray="3 3"/>'
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{_WIDTH}" height="{height}" role="img" '
        f'font-family="system-ui,sans-serif" font-size="12">{bars}{rule}</svg>'
    )


def _bar(line: Line, figure: str, at: int, scale: float) -> str:
    ratio, value = line.ratios[figure], line.values[figure]
    top = _GAP + at * (_BAR + _GAP)
    middle, end = top + _BAR / 2, _LEFT + ratio.median * scale
    label = f"{line.label}, {line.latency} ms"
    text_at = _LEFT + ratio.greatest * scale + 6
    return (
        f'<text x="{_LEFT - 8}" y="{middle + 4:.1f}" text-anchor="end">{escape(label)}</text>'
        f'<rect x="{_LEFT}" y="{top}" width="{end - _LEFT:.1f}" height="{_BAR}" fill="{_COLOURS[line.contender]}"/>'
        f'<line x1="{_LEFT + ratio.least * scale:.1f}" y1="{middle}" x2="{_LEFT + ratio.greatest * scale:.1f}" '
        f'y2="{middle}" stroke="#24292f"/>'
        f'<text x="{text_at:.1f}" y="{middle + 4:.1f}">x {ratio.median:.2f} · {value.median:.4g}</text>'
    )
