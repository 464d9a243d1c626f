"""Provider files with shorter times, so that what takes minutes in production can be watched in seconds."""

import tomllib
from pathlib import Path
from typing import Any

import tomli_w

from config.load import load_providers

#: What is shortened: seconds in production, seconds here. The order of the times stays what it is.
TIMES = {
    "call.connect": "1s",
    "call.read": "2s",
    "call.total": "3s",
    "call.lease": "6s",
    "retry.ceiling": "8s",
    "retry.give_up_after": "10m",
    "retry.ask_every": "2s",
    "breaker.open_for": "2s",
    "breaker.open_for_max": "5s",
    "breaker.ramp": "6s",
}
SETTLE = "3s"


def write_quick_files(folder: Path, **changes: Any) -> Path:
    """Write a copy of each bundled provider file with shorter times; point LOCKGATE_PROVIDERS at the folder.

    Args:
        folder: where to; made when it does not exist.
        changes: further values by dotted name, such as `call__lease="2s"` (two underscores for the dot).
    """
    folder.mkdir(parents=True, exist_ok=True)
    values = TIMES | {name.replace("__", "."): value for name, value in changes.items()}
    for name, loaded in load_providers(()).items():
        content = tomllib.loads(Path(_source(loaded.path)).read_text())
        for dotted, value in values.items():
            _put(content, dotted, value)
        for kind in content["kinds"].values():
            kind["settle"] = changes.get("settle", SETTLE)
        content.pop("settle", None)
        (folder / f"{name}.toml").write_text(tomli_w.dumps(content))
    return folder


#: For the demo: what is not tried again is not waited for longer than a minute, and outages are over sooner.
DEMO: dict[str, Any] = {
    "retry.give_up_after": "60s",
    "breaker.open_for": "1s",
    "breaker.open_for_max": "3s",
    "breaker.ramp": "3s",
    "breaker.window": "5s",
}
#: Where somebody watches for as long as they like, an end and a new beginning are no reason to give up.
PATIENT = {"retry.give_up_after": "1h"}
#: For thousands of operations in a minute: calls in a second, per tenant and kind, and the flow that is expected.
WIDE = {"traffic.calls_per_minute": 6000, "limits": [{"calls": 150, "per": "1s", "scope": ["tenant", "kind"]}]}


def write_demo_files(folder: Path, *, wide: bool) -> Path:
    """Write the demo's provider files.

    Args:
        folder: where to.
        wide: whether limits are raised for one minute; else the providers' real ones hold, and work may wait.
    """
    changes = DEMO | (WIDE if wide else PATIENT)
    return write_quick_files(folder, **{name.replace(".", "__"): value for name, value in changes.items()})


def described(folder: Path) -> list[str]:
    """What the files of a folder shorten or widen, a line each, for people."""
    content = {path.stem: tomllib.loads(path.read_text()) for path in sorted(folder.glob("*.toml"))}
    return [f"{name}: {_said(file)}" for name, file in content.items()]


def _said(file: dict[str, Any]) -> str:
    call, retry, breaker = file["call"], file["retry"], file["breaker"]
    settles = sorted({kind["settle"] for kind in file["kinds"].values()})
    limits = ", ".join(
        f"{limit['calls']} in {limit['per']} per {' and '.join(limit['scope'])}" for limit in file["limits"]
    )
    return (
        f"call {call['total']} at most, lease {call['lease']}, settle {'/'.join(settles)}, given up after "
        f"{retry['give_up_after']}, breaker open for {breaker['open_for']} to {breaker['open_for_max']}, limits {limits}"
    )


def _source(shown: str) -> Path:
    path = Path(shown)
    return path if path.is_absolute() or path.exists() else Path(__file__).parent.parent / path


def _put(content: dict[str, Any], dotted: str, value: Any) -> None:
    *tables, last = dotted.split(".")
    for table in tables:
        content = content.setdefault(table, {})
    content[last] = value
