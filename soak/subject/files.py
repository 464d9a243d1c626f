"""The provider files of a run: ours, and somebody's own with their longest times cut to what a run of minutes can show."""

import os
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import tomli_w

from config.errors import ConfigError
from config.load import load_provider
from config.provider import ProviderFile
from soak.errors import SoakError

OURS = Path(__file__).parent / "providers"
CUT = "providers"  # the run's folder of cut files
#: What no time in a run may be longer than. Limits, delays, thresholds and means are never touched.
_LONGEST: dict[str, dict[str, str]] = {
    "traffic": {"permit_life": "200ms"},
    "call": {"connect": "1s", "read": "1500ms", "total": "2s", "lease": "4s"},
    "retry": {"ceiling": "8s", "ask_every": "1s"},
    "breaker": {"window": "5s", "open_for": "1s", "open_for_max": "3s", "ramp": "3s"},
    "kinds": {"settle": "3s", "kept_for": "10m"},
}
#: Longer than a run, so that nothing may die of the attacks.
_GIVE_UP_AFTER = "15m"
_UNITS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}


def given(files: Sequence[Path]) -> list[Path]:
    """The provider files of one's own: those of LOCKGATE_PROVIDERS, then those that are named.

    Args:
        files: named ones, or folders of them.
    """
    inherited = [Path(part) for part in os.environ.get("LOCKGATE_PROVIDERS", "").split(os.pathsep) if part]
    return [
        file for path in (*inherited, *files) for file in (sorted(path.glob("*.toml")) if path.is_dir() else [path])
    ]


def cut(files: Sequence[Path], folder: Path) -> Iterator[str]:
    """Write a copy of each file with its times cut, and yield a sentence about each.

    Args:
        files: of one's own.
        folder: of the run.

    Raises:
        SoakError: a file cannot be read, or is wrong.
    """
    place = folder / CUT
    place.mkdir(exist_ok=True)
    for path in files:
        try:
            loaded = load_provider(path).file
        except ConfigError as error:
            raise SoakError(str(error)) from None
        content = tomllib.loads(path.read_text())
        told = list(_cut(content, loaded))
        (place / f"{loaded.name}.toml").write_text(tomli_w.dumps(content))
        yield f"{path}: for this run {', '.join(told)}" if told else f"{path}: as it is"


def patient(folder: Path, give_up_after: str) -> None:
    """Write the files of a run anew with another deadline, for a run that is one long trouble.

    Args:
        folder: of the run.
        give_up_after: longer than it lasts.
    """
    for content in _anew(folder):
        content["retry"]["give_up_after"] = give_up_after


def widen(folder: Path, times: int) -> None:
    """Write the files of a run anew with limits so many times as wide; those of calls at once stay.

    Args:
        folder: of the run.
        times: how many.
    """
    for content in _anew(folder):
        for table in (content.get("traffic", {}), *content.get("limits", ())):
            table |= {name: table[name] * times for name in ("calls_per_minute", "calls") if name in table}


def _anew(folder: Path) -> Iterator[dict[str, Any]]:
    """The files of a run, each of which is written as it is left."""
    kept = {path.name: path for place in (OURS, folder / CUT) for path in place.glob("*.toml")}  # ours give way
    for name, path in kept.items():
        content = tomllib.loads(path.read_text())
        yield content
        (folder / CUT / name).write_text(tomli_w.dumps(content))


def read(folder: Path) -> dict[str, ProviderFile]:
    """The files of the run; one of one's own takes the place of ours of its name."""
    loaded = [load_provider(path).file for place in (OURS, folder / CUT) for path in sorted(place.glob("*.toml"))]
    return {file.name: file for file in loaded}


def _cut(content: dict[str, Any], loaded: ProviderFile) -> Iterator[str]:
    for section, times in _LONGEST.items():
        if section == "kinds":
            for name, kind in content["kinds"].items():
                yield from _shorter(kind, loaded.kinds[name], times, f"kinds.{name}")
                if kind.pop("give_up_after", None) is not None:
                    yield f"kinds.{name}.give_up_after {_GIVE_UP_AFTER}"
        else:
            yield from _shorter(content.setdefault(section, {}), getattr(loaded, section), times, section)
    if loaded.retry.give_up_after != _seconds(_GIVE_UP_AFTER):
        content["retry"]["give_up_after"] = _GIVE_UP_AFTER
        yield f"retry.give_up_after {_GIVE_UP_AFTER}"


def _shorter(table: dict[str, Any], loaded: Any, times: dict[str, str], where: str) -> Iterator[str]:
    for name, longest in times.items():
        if getattr(loaded, name) > _seconds(longest):
            table[name] = longest
            yield f"{where}.{name} {longest}"


def _seconds(said: str) -> float:
    unit = said.lstrip("0123456789.")
    return float(said.removesuffix(unit)) * _UNITS[unit]
