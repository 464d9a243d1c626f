"""Chance that can be played again: every draw is a pure function of what it is drawn for."""

import hashlib
import json
from collections.abc import Sequence
from typing import TypeVar

T = TypeVar("T")
SPAN = 2**64


def draws(*parts: object) -> tuple[float, float, float, float]:
    """Return four independent numbers in [0, 1) that depend on the parts alone."""
    # JSON, not a joined text: ("a|b",) and ("a", "b") must not meet.
    digest = hashlib.sha256(json.dumps(parts).encode()).digest()
    first, second, third, fourth = (int.from_bytes(digest[start : start + 8], "big") / SPAN for start in (0, 8, 16, 24))
    return first, second, third, fourth


def chosen(share: float, choices: Sequence[T]) -> T:
    """Return the choice that a number in [0, 1) falls on."""
    return choices[int(share * len(choices))]
