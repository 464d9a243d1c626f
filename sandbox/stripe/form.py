"""Form bodies with brackets, as Stripe's first API version takes them."""

import re
from urllib.parse import parse_qsl

from sandbox.journal import Json

PART = re.compile(r"[^\[\]]+|\[\]")


def decoded(text: str) -> Json:
    """Return `a[b]=c&d[]=e` as `{"a": {"b": "c"}, "d": ["e"]}`."""
    result: Json = {}
    for name, value in parse_qsl(text, keep_blank_values=True):
        _place(result, PART.findall(name), value)
    return result


def _place(into: Json, parts: list[str], value: str) -> None:
    first, *rest = parts or [""]
    if not rest:
        into[first] = value
    elif rest == ["[]"]:
        listed = into.setdefault(first, [])
        if isinstance(listed, list):
            listed.append(value)
    else:
        inner = into.setdefault(first, {})
        if isinstance(inner, dict):
            _place(inner, rest, value)
