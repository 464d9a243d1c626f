"""Durations and sizes as people write them in files: "250ms", "2s", "24h", "1MiB"."""

import re
from typing import Annotated, Any

from pydantic import BeforeValidator

_SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86_400.0}
_BYTES = {"B": 1, "KiB": 1024, "MiB": 1024**2}


def _quantity(value: Any, units: dict[str, float], example: str) -> float:
    match = re.fullmatch(r"(\d+(?:\.\d+)?)\s*([A-Za-z]+)", value) if isinstance(value, str) else None
    if match is None or match[2] not in units:
        raise ValueError(f"write a number with one of {', '.join(units)}, such as {example}")
    return float(match[1]) * units[match[2]]


def seconds(value: Any) -> float:
    """Seconds of a duration with its unit.

    Raises:
        ValueError: it has no unit, or one that is not known.
    """
    return _quantity(value, _SECONDS, '"2s"')


def size(value: Any) -> int:
    """Bytes of a size with its unit.

    Raises:
        ValueError: it has no unit, or one that is not known.
    """
    return int(_quantity(value, dict(_BYTES), '"1MiB"'))


#: A duration in a file; float seconds in code.
Duration = Annotated[float, BeforeValidator(seconds)]
#: A size in a file; bytes in code.
Size = Annotated[int, BeforeValidator(size)]
