"""Stripe's request bodies: form fields with brackets, in one order, so that equal arguments give equal bytes."""

import re
from collections.abc import Mapping
from functools import lru_cache
from typing import Any
from urllib.parse import quote, quote_plus

from operations.request import Request

#: Pinned by stripe-python 16.1.0 (`_api_version.py`); another version could change what a replay compares.
VERSION = "2026-10-28.endive"
_PLAIN = re.compile(r"[A-Za-z0-9_.~-]*")  # what `quote_plus` leaves as it is


def post(path: str, fields: Mapping[str, Any], *, key: str | None) -> Request:
    """A write, under an idempotency key unless a repetition does no harm; fields that are None are left out."""
    headers = {"Content-Type": "application/x-www-form-urlencoded", "Stripe-Version": VERSION}
    if key is not None:
        headers["Idempotency-Key"] = key
    return Request("POST", path, headers=headers, body=_encoded(fields))


def get(path: str, **query: Any) -> Request:
    """A read."""
    pairs = tuple((name, _text(value)) for name, value in query.items() if value is not None)
    return Request("GET", path, query=pairs, headers={"Stripe-Version": VERSION})


def at(path: str, reference: str) -> str:
    """The path of one object; what a provider once said cannot lead anywhere else."""
    return f"{path}/{quote(reference, safe='')}"


def _encoded(fields: Mapping[str, Any]) -> bytes:
    return "&".join(_pairs(fields)).encode()


def _pairs(fields: Mapping[str, Any], prefix: str = "") -> list[str]:
    pairs: list[str] = []
    for name, value in fields.items():
        if value is None:
            continue
        full = f"{prefix}[{name}]" if prefix else name
        if type(value) is str:  # most are, and asking whether something is a mapping takes long
            pairs.append(f"{_name(full)}={_quoted(value)}")
        elif type(value) is int or type(value) is bool:
            pairs.append(f"{_name(full)}={_text(value)}")
        elif isinstance(value, Mapping):
            pairs += _pairs(value, full)
        else:
            pairs.append(f"{_name(full)}={_quoted(_text(value))}")
    return pairs


@lru_cache
def _name(name: str) -> str:
    """Names are few, and brackets take long to quote."""
    return quote_plus(name)


def _quoted(value: str) -> str:
    """Most values are words, numbers and names of objects, and need no quoting."""
    return value if _PLAIN.fullmatch(value) else quote_plus(value)


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)
