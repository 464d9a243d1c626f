"""Answers that were recorded, or made from the providers' own samples; each says what in it is sensitive."""

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from operations.request import Reply

HOME = Path(__file__).parent


@dataclass(frozen=True)
class Recording:
    """One answer.

    Attributes:
        about: what it shows, and where it comes from.
        sensitive: dotted paths in its body to what is secret or personal.
    """

    name: str
    about: str
    sensitive: frozenset[str]
    status: int
    headers: dict[str, str]
    body: Any

    def reply(self, status: int | None = None, body: Any = ...) -> Reply:
        """As it came over the wire, with another status or body where given."""
        text = json.dumps(self.body if body is ... else body)
        return Reply(self.status if status is None else status, self.headers, text.encode())


@cache
def recording(provider: str, name: str) -> Recording:
    """One recording of a provider."""
    return Recording(name, **_read(provider, name))


def recordings(provider: str) -> list[Recording]:
    """All of a provider's."""
    return [recording(provider, path.stem) for path in sorted((HOME / provider / "recordings").glob("*.json"))]


def _read(provider: str, name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((HOME / provider / "recordings" / f"{name}.json").read_text())
    return found | {"sensitive": frozenset(found["sensitive"])}


def leaves(value: Any, path: tuple[str, ...] = ()) -> list[tuple[tuple[str, ...], Any]]:
    """Every leaf of a JSON value with its path."""
    if isinstance(value, dict):
        return [leaf for name, inner in value.items() for leaf in leaves(inner, (*path, name))]
    if isinstance(value, list):
        return [leaf for at, inner in enumerate(value) for leaf in leaves(inner, (*path, str(at)))]
    return [(path, value)]
