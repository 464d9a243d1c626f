"""How values look on a page: times, ages, and the words for states."""

import json
import re
import uuid
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote

from admin.cli.paper import lasting
from admin.web.buttons import named

_NONE = "\N{EN DASH}"
_LEAST = 0.001
EFFECTS = {
    "none": "Nothing happened at the provider.",
    "unknown": "It may have happened at the provider, or not.",
    "done": "It happened at the provider.",
}
#: Why something became a dead letter, for somebody who does not know our words.
REASONS = {
    "client": "The provider refused this request.",
    "exhausted": "Every try was used up.",
    "deadline": "Its time was over before it was done.",
    "no_answer": "The provider took it, and never said how it ended.",
    "frozen_key": "The provider keeps an error under its key, and would only repeat it.",
    "poison": "It took down the worker that had it, again and again.",
    "crashed": "Its process died.",
    "raised": "Its task raised an error.",
    "refused": "Its arguments were refused, so it never became a request.",
    "left open": "The provider declined it, and left something open.",
}
#: What work waits for, by the word for it.
WAITS = {
    "new": "for a worker",
    "rate": "for its turn within a limit",
    "backoff": "for the next try",
    "breaker": "for the provider to come back",
    "paused": "for a person to lift a pause",
    "connection": "for working credentials",
    "exhausted": "for its last failure to be judged",
    "unconfirmed": "to be asked about",
    "awaiting": "for an answer of the provider",
}
#: How urgent a word looks: the colour is never the only sign, the word stands there too.
_TONES = {
    "good": {"succeeded", "done", "closed", "resolved", "present", "accepted", "answered"},
    "bad": {"dead", "open", "unknown", "failed", "reopened", "ambiguous", "stopped", "back"},
    "warm": {
        "waiting", "unconfirmed", "awaiting", "half_open", "half-open", "paused", "declined", "calling", "rate_limited",
        "canary", "running", "acknowledged", "transient", "planned",
    },
}  # fmt: skip


def tone(word: object) -> str:
    """The class of a word's badge."""
    return next((name for name, words in _TONES.items() if str(word) in words), "calm")


def when(value: datetime | None) -> str:
    """A time, in UTC."""
    return "" if value is None else f"{value.astimezone(UTC):%Y-%m-%d %H:%M:%S}"


def clock(value: datetime | None) -> str:
    """A time of day, in UTC, to the tenth of a second."""
    return "" if value is None else f"{value.astimezone(UTC):%H:%M:%S}.{value.microsecond // 100_000}"


def iso(value: datetime | None) -> str:
    """A time for programs."""
    return "" if value is None else value.astimezone(UTC).isoformat()


def age(value: datetime | None) -> str:
    """How long ago."""
    if value is None:
        return ""
    seconds = (datetime.now(UTC) - value).total_seconds()
    if -1 < seconds < 1:
        return "just now"
    return f"{lasting(round(seconds))} ago" if seconds > 0 else f"in {lasting(round(-seconds))}"


def count(value: float | None) -> str:
    """A number with its thousands apart."""
    return "" if value is None else f"{value:,.0f}".replace(",", "\N{NARROW NO-BREAK SPACE}")


def percent(value: float | None) -> str:
    """A share; a hundred only where it is all."""
    if value is None:
        return _NONE
    if 0 < value < _LEAST:
        return "< 0.1 %"
    return "100 %" if value >= 1 else f"{min(99.9, value * 100):.1f} %".replace(".0 ", " ")


def took(seconds: float | None) -> str:
    """How long a call took."""
    if seconds is None:
        return _NONE
    return f"{seconds * 1000:.0f} ms" if seconds < 1 else f"{seconds:.1f} s"


def line(values: Sequence[float | None], width: int = 240, height: int = 40) -> str:
    """The points of a line; gaps are left out, and one value alone is a flat line."""
    known = [value for value in values if value is not None]
    most = max(known, default=0.0) or 1.0
    step = width / max(1, len(values) - 1)
    points = [
        f"{at * step:.1f},{height - 1 - value / most * (height - 2):.1f}"
        for at, value in enumerate(values) if value is not None
    ]  # fmt: skip
    if len(points) == 1:
        _, _, y = points[0].partition(",")
        points = [f"0,{y}", f"{width},{y}"]
    return " ".join(points)


def bars(values: Sequence[float], height: int = 40, most: float | None = None) -> list[dict[str, float]]:
    """Where each bar begins and how high it is, in units of the chart's height; what is there is seen."""
    top = most or max(values, default=0) or 1
    tall = [max(1.5, value / top * height) if value else 0.0 for value in values]
    return [{"at": at, "y": round(height - size, 1), "size": round(size, 1)} for at, size in enumerate(tall)]


def facts(value: Mapping[str, Any]) -> list[tuple[str, str]]:
    """The parts of a JSON object as lines."""
    return [(str(name), _flat(inner)) for name, inner in value.items() if inner not in (None, "", [], {})]


def _flat(value: Any) -> str:
    match value:
        case datetime():
            return when(value)
        case Mapping():
            return ", ".join(f"{name}: {_flat(inner)}" for name, inner in value.items())
        case list() | tuple():
            return ", ".join(_flat(inner) for inner in value)
        case bool():
            return "yes" if value else "no"
        case _:
            return str(value)


def countdown(value: Any) -> list[tuple[str, str]]:
    """What runs out for a dead letter, and when; what never does is left out."""
    names = {"key": "Key kept for", "hold": "A canvas waits for", "letter": "Kept for"}
    return [
        (name, lasting(left) if left > 0 else "over")
        for part, name in names.items() if (left := getattr(value, part)) is not None
    ]  # fmt: skip


def place_of(target: str) -> str:
    """The page of what an audit row is about."""
    noun, _, name = target.partition(":")
    if noun in {"group", "run"} and name:
        return f"/{noun}s/{quote(name)}"
    if noun == "token" and name:
        return "/accounts"
    try:
        return f"/operations/{uuid.UUID(target)}"
    except ValueError:
        return f"/audit?target={quote(target)}"


def pieces(said: str) -> list[tuple[str, str]]:
    """A sentence in pieces: the names of dead letters with their pages, all else without one."""
    parts = re.split(r"\b(dl_\d+)\b", said)
    return [(part, f"/deadletters/{part[3:]}" if at % 2 else "") for at, part in enumerate(parts) if part]


def sentence(said: str) -> str:
    """With a capital, but for the name of a dead letter."""
    return said if said.startswith("dl_") else said[:1].upper() + said[1:]


FILTERS: dict[str, Callable[..., Any]] = {
    "tone": tone, "when": when, "clock": clock, "iso": iso, "age": age, "count": count, "percent": percent, "took": took,
    "line": line, "bars": bars, "facts": facts, "lasting": lasting, "place_of": place_of, "countdown": countdown,
    "plain": lambda value: json.dumps(value, default=str),
    "named": named,
    "effect": lambda word: EFFECTS.get(str(word), ""),
    "sentence": sentence,
    "reason": lambda word: REASONS.get(str(word), ""),
    "waits": lambda word: WAITS.get(str(word), ""),
    "pieces": pieces,
    "words": lambda word: str(word).replace("_", " "),
}  # fmt: skip
