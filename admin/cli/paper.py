"""Write to a terminal, a file or a program: tables for people, JSON for programs."""

import json
import shutil
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from typing import Any

import click

_GAP = "  "
_LEAST = 8  # characters to which a column is cut at most


def write_json(value: Any) -> None:
    """One JSON value, indented."""
    click.echo(json.dumps(_plain(value), indent=2, ensure_ascii=False))


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str = "", spare: Sequence[str] = ()) -> None:
    """A table: whole in a file or a pipe, and as wide as the terminal on one.

    Args:
        columns: their titles; the first is never shortened.
        rows: the cells.
        title: in front of it.
        spare: titles of columns that a narrow terminal leaves out, in this order.
    """
    lines = [list(columns), *([shown(value) for value in row] for row in rows)]
    if sys.stdout.isatty():
        lines = _fitted(lines, spare, shutil.get_terminal_size().columns)
    widths = _widths(lines)
    if title:
        click.echo(title)
    for number, line in enumerate(lines):
        said = _GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
        click.secho(said, bold=True) if number == 0 else click.echo(said)


def _widths(lines: Sequence[Sequence[str]]) -> list[int]:
    return [max(len(cell) for cell in column) for column in zip(*lines, strict=True)]


def _fitted(lines: list[list[str]], spare: Sequence[str], most: int) -> list[list[str]]:
    """The same, no wider than `most` where that can be: spare columns are left out, then the widest are cut."""

    def over(widths: Sequence[int]) -> int:
        return sum(widths) + len(_GAP) * (len(widths) - 1) - most

    for name in spare:
        if over(_widths(lines)) > 0 and name in lines[0]:
            at = lines[0].index(name)
            lines = [[*line[:at], *line[at + 1 :]] for line in lines]
    widths = _widths(lines)
    while over(widths) > 0 and max(widths[1:], default=0) > _LEAST:
        widths[widths.index(max(widths[1:]), 1)] -= 1
    return [[_cut(cell, width) for cell, width in zip(line, widths, strict=True)] for line in lines]


def _cut(cell: str, width: int) -> str:
    return cell if len(cell) <= width else f"{cell[: width - 1]}…"


def facts(pairs: Mapping[str, Any]) -> None:
    """Names and values, one a line; those without a value are left out."""
    known = {name: shown(value) for name, value in pairs.items() if value not in {None, ""}}
    width = max((len(name) for name in known), default=0)
    for name, value in known.items():
        click.echo(f"{click.style(name.ljust(width), dim=True)}{_GAP}{value}")


def shown(value: Any) -> str:
    """A value as people read it."""
    match value:
        case None:
            return ""
        case datetime():
            return f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"
        case bool():
            return "yes" if value else "no"
        case float():
            return f"{value:.3g}"
        case _:
            return str(value)


def lasting(seconds: float | None) -> str:
    """A time that people read at a glance."""
    if seconds is None:
        return ""
    for unit, name in ((86_400.0, "d"), (3600.0, "h"), (60.0, "min")):
        if seconds >= 2 * unit:
            return f"{seconds / unit:.0f} {name}"
    return f"{seconds:.3g} s"


def ago(value: datetime) -> str:
    """How long ago."""
    return f"{lasting(round((datetime.now(UTC) - value).total_seconds()))} ago"


def _plain(value: Any) -> Any:
    match value:
        case datetime():
            return value.astimezone(UTC).isoformat()
        case uuid.UUID():
            return str(value)
        case Mapping():
            return {str(name): _plain(inner) for name, inner in value.items()}
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case _ if is_dataclass(value) and not isinstance(value, type):
            return _plain(asdict(value))
        case _:
            return value
