"""JSON in few bytes, written by an encoder that is made once: `json` makes one anew for each value, which takes longer."""

import json
import json.encoder
from collections.abc import Callable
from typing import Any

#: Undocumented, though in every CPython for years, and missing elsewhere.
_make: Any = getattr(json.encoder, "c_make_encoder", None)


def encoder(*, sort_keys: bool = False, ensure_ascii: bool = True, allow_nan: bool = True) -> Callable[[Any], str]:
    """A function that writes what `json.dumps` would without spaces; a value that holds itself is a RecursionError."""
    stock = json.JSONEncoder(
        sort_keys=sort_keys, ensure_ascii=ensure_ascii, allow_nan=allow_nan, separators=(",", ":"), check_circular=False
    )
    if _make is None:
        return stock.encode
    text = json.encoder.encode_basestring_ascii if ensure_ascii else json.encoder.encode_basestring
    parts = _make(None, stock.default, text, None, ":", ",", sort_keys, False, allow_nan)
    return lambda value: "".join(parts(value, 0))
