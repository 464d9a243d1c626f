"""Write to a terminal, a file or a program: tables for people, JSON for programs."""

import json
import sys
import uuid
from collections.abc import Mapping, Sequence
from dataclasses import asdict, is_dataclass
from datetime import UTC, datetime
from typing import Any

import click

_GAP = "  "


def write_json(value: Any) -> None:
    """One JSON value, indented."""
    click.echo(json.dumps(_plain(value), indent=2, ensure_ascii=False))


def table(columns: Sequence[str], rows: Sequence[Sequence[Any]], *, title: str = "") -> None:
    """A table: drawn on a terminal, aligned in columns everywhere else."""
    cells = [[shown(value) for value in row] for row in rows]
    if sys.stdout.isatty():
        _draw(columns, cells, title)
        return
    if title:
        click.echo(title)
    lines = [list(columns), *cells]
    widths = [max(len(line[at]) for line in lines) for at in range(len(columns))]
    for line in lines:
        click.echo(_GAP.join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip())


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


def _draw(columns: Sequence[str], cells: Sequence[Sequence[str]], title: str) -> None:
    from rich.console import Console
    from rich.table import Table
    from rich.text import Text

    drawn = Table(*columns, title=title or None, title_justify="left", header_style="bold")
    for row in cells:
        drawn.add_row(*(Text(cell) for cell in row))
    Console().print(drawn)


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
