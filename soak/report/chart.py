"""Charts as SVG, drawn from numbers alone."""

from collections.abc import Mapping, Sequence
from html import escape

WIDTH, HEIGHT = 960, 260
_LEFT, _RIGHT, _TOP, _BOTTOM = 48, 12, 14, 26
COLOURS = ("#4c78a8", "#f58518", "#54a24b", "#e45756", "#72b7b2", "#b279a2", "#eeca3b", "#9d755d")
Points = Sequence[tuple[float, float]]


def areas(series: Mapping[str, Sequence[float]], times: Sequence[float], marks: Sequence[tuple[float, str]]) -> str:
    """Stacked areas over time, with marks.

    Args:
        series: the values of each name, one for each time.
        times: seconds.
        marks: moments and what happened in them.
    """
    tops = [0.0] * len(times)
    shapes = []
    most = max((sum(values[at] for values in series.values()) for at in range(len(times))), default=0.0)
    scale = _Scale(times[-1] if times else 1.0, most)
    for number, (name, values) in enumerate(series.items()):
        lower = list(tops)
        tops = [top + value for top, value in zip(tops, values, strict=True)]
        line = [(time, top) for time, top in zip(times, tops, strict=True)]
        back = [(time, low) for time, low in zip(reversed(times), reversed(lower), strict=True)]
        colour = COLOURS[number % len(COLOURS)]
        shapes.append(
            f'<polygon points="{scale.path([*line, *back])}" fill="{colour}"><title>{escape(name)}</title></polygon>'
        )
    return _svg(scale, "".join(shapes) + _marks(scale, marks)) + _legend(list(series))


def lines(series: Mapping[str, Points], limit: float, said: str, seconds: float) -> str:
    """Lines over time under a limit."""
    most = max([limit, *(value for points in series.values() for _, value in points)])
    scale = _Scale(seconds, most * 1.15)
    shapes = [
        f'<polyline points="{scale.path(points)}" fill="none" stroke="{COLOURS[number % len(COLOURS)]}" stroke-width="1.4">'
        f"<title>{escape(name)}</title></polyline>"
        for number, (name, points) in enumerate(series.items())
    ]
    across = scale.y(limit)
    shapes.append(
        f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{across:.1f}" y2="{across:.1f}" class="limit"/>'
        f'<text x="{WIDTH - _RIGHT}" y="{across - 5:.1f}" text-anchor="end">{escape(said)}</text>'
    )
    return _svg(scale, "".join(shapes)) + _legend(list(series))


def bars(rows: Sequence[tuple[str, float, float]], unit: str) -> str:
    """For each row a bar to its middle and a mark at its longest."""
    step, left = 24, 190
    most = max((longest for _, _, longest in rows), default=1.0) or 1.0
    wide = WIDTH - left - 70
    shapes = []
    for number, (name, middle, longest) in enumerate(rows):
        y = number * step + 6
        end = left + wide * longest / most
        shapes.append(
            f'<text x="{left - 8}" y="{y + 12}" text-anchor="end">{escape(name)}</text>'
            f'<rect x="{left}" y="{y}" width="{max(1.0, wide * middle / most):.1f}" height="15" fill="{COLOURS[0]}"/>'
            f'<line x1="{left}" x2="{end:.1f}" y1="{y + 7.5}" y2="{y + 7.5}" stroke="{COLOURS[3]}"/>'
            f'<circle cx="{end:.1f}" cy="{y + 7.5}" r="3" fill="{COLOURS[3]}"/>'
            f'<text x="{end + 8:.1f}" y="{y + 12}">{longest:.1f} {unit}</text>'
        )
    height = len(rows) * step + 10
    return f'<svg viewBox="0 0 {WIDTH} {height}" role="img">{"".join(shapes)}</svg>'


class _Scale:
    def __init__(self, seconds: float, most: float) -> None:
        self.seconds = seconds or 1.0
        self.most = most or 1.0

    def x(self, time: float) -> float:
        return _LEFT + (WIDTH - _LEFT - _RIGHT) * time / self.seconds

    def y(self, value: float) -> float:
        return HEIGHT - _BOTTOM - (HEIGHT - _TOP - _BOTTOM) * value / self.most

    def path(self, points: Points) -> str:
        return " ".join(f"{self.x(time):.1f},{self.y(value):.1f}" for time, value in points)


def _svg(scale: _Scale, shapes: str) -> str:
    grid = []
    for part in range(5):
        value = scale.most * part / 4
        y = scale.y(value)
        grid.append(f'<line x1="{_LEFT}" x2="{WIDTH - _RIGHT}" y1="{y:.1f}" y2="{y:.1f}" class="grid"/>')
        grid.append(f'<text x="{_LEFT - 6}" y="{y + 4:.1f}" text-anchor="end">{value:.0f}</text>')
        time = scale.seconds * part / 4
        grid.append(f'<text x="{scale.x(time):.1f}" y="{HEIGHT - 8}" text-anchor="middle">{time:.0f} s</text>')
    return f'<svg viewBox="0 0 {WIDTH} {HEIGHT}" role="img">{"".join(grid)}{shapes}</svg>'


def _marks(scale: _Scale, marks: Sequence[tuple[float, str]]) -> str:
    drawn = [
        f'<line x1="{scale.x(time):.1f}" x2="{scale.x(time):.1f}" y1="{_TOP}" y2="{HEIGHT - _BOTTOM}" class="mark">'
        f"<title>{time:.0f} s: {escape(said)}</title></line>"
        for time, said in marks
    ]
    return "".join(drawn)


def _legend(names: Sequence[str]) -> str:
    parts = [
        f'<span><i style="background:{COLOURS[number % len(COLOURS)]}"></i>{escape(name)}</span>'
        for number, name in enumerate(names)
    ]
    return f'<p class="legend">{"".join(parts)}</p>'
