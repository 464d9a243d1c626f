"""Recordings hold nothing secret or personal that they do not declare, and what they declare is never kept readable."""

import json
import re
from typing import Any

import pytest
from providers.recordings import Recording, leaves, recordings

from integrations import evidence, postmark, stripe

ADAPTERS = {"stripe": stripe.ADAPTER, "postmark": postmark.ADAPTER}
ALL = [(provider, one) for provider in ADAPTERS for one in recordings(provider)]

#: Names of fields whose value is personal or secret, and shapes that are so under any name.
NAMES = re.compile(r"(?i)^(email|name|phone|to|from|subject|recipients|address|line[12]|last4|client_secret|token)$")
SHAPES = re.compile(
    r"_secret_|\b[sr]k_(live|test)_|whsec_|(?i:bearer )|[\w.+-]+@[\w-]+\.\w"
    r"|\b(?:\d[ -]?){13,19}\b|\b[A-Z]{2}\d{2}[A-Z0-9]{11,30}\b"
)


def suspicious(path: tuple[str, ...], value: Any) -> bool:
    named = any(NAMES.match(part) for part in path[-1:]) or (path[-1].isdigit() and bool(NAMES.match(path[-2])))
    return isinstance(value, str) and (named or bool(SHAPES.search(value)))


@pytest.mark.parametrize(("provider", "one"), ALL, ids=lambda value: getattr(value, "name", value))
def test_what_is_secret_or_personal_is_declared(provider: str, one: Recording) -> None:
    found = {".".join(path) for path, value in leaves(one.body) if suspicious(path, value)}
    assert found == one.sensitive, provider


@pytest.mark.parametrize(("provider", "one"), ALL, ids=lambda value: getattr(value, "name", value))
def test_what_is_declared_is_not_kept_readable(provider: str, one: Recording) -> None:
    kept = json.dumps(evidence.of_reply(one.reply(), ADAPTERS[provider].evidence))
    told = {".".join(path): value for path, value in leaves(one.body)}
    for path in one.sensitive:
        assert str(told[path]) not in kept, path


@pytest.mark.parametrize(("provider", "one"), ALL, ids=lambda value: getattr(value, "name", value))
def test_every_recording_says_where_it_comes_from(provider: str, one: Recording) -> None:
    assert len(one.about) > 15, provider
    assert not any(name.lower() in {"authorization", "x-postmark-server-token", "cookie"} for name in one.headers)


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("charges", "billing_details", "email"), "jo"),
        (("Recipients", "0"), "jo"),
        (("note",), "write to jo@customer.example"),
        (("x",), "pi_1_secret_2"),
        (("x",), "sk_live_1"),
        (("x",), "4242 4242 4242 4242"),
        (("x",), "GB29NWBK60161331926819"),
    ],
)
def test_the_search_finds_what_it_is_for(path: tuple[str, ...], value: str) -> None:
    assert suspicious(path, value)
