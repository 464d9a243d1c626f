"""What is kept of an exchange: names on the list stay readable, everything else is three stars."""

import json
import uuid
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations import evidence
from operations.request import Reply, Request, Silence

ALLOWED = frozenset({"id", "status", "lockgate_key", "limit"})
CANARY = "canary-4242-jo@customer.example"
SECRETS = st.recursive(
    st.just(CANARY) | st.integers() | st.none() | st.booleans(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(["name", "id2", "x", "meta"]), inner),
    max_leaves=8,
)


def kept(body: bytes, content_type: str = "application/json") -> Any:
    return evidence.of_reply(Reply(200, {"content-type": content_type}, body), ALLOWED)["body"]


def test_names_on_the_list_stay_readable_and_others_do_not() -> None:
    body = {"id": "pi_1", "email": CANARY, "data": [{"id": "x", "name": CANARY}], "amount": 4200, "live": True}
    assert kept(json.dumps(body).encode()) == {
        "id": "pi_1", "email": "***", "data": [{"id": "x", "name": "***"}], "amount": "***", "live": True,
    }  # fmt: skip


def test_what_lies_under_a_readable_name_is_judged_by_its_own_name() -> None:
    assert kept(json.dumps({"id": {"name": CANARY, "id": "x"}}).encode()) == {"id": {"name": "***", "id": "x"}}


@settings(max_examples=200, deadline=None, derandomize=True)
@given(body=SECRETS)
def test_no_value_of_a_name_that_is_not_listed_is_ever_kept(body: Any) -> None:
    assert CANARY not in json.dumps(kept(json.dumps(body).encode()))


def test_form_fields_are_judged_by_the_name_in_their_last_bracket() -> None:
    request = Request(
        "POST", "/v1/x", query=(("limit", "1"), ("email", CANARY)),
        headers={"Content-Type": "application/x-www-form-urlencoded", "Authorization": CANARY, "Idempotency-Key": "k"},
        body=b"metadata[lockgate_key]=k&metadata[note]=canary-4242&email=canary-4242",
    )  # fmt: skip
    said = evidence.of_request(request, ALLOWED)
    assert said["body"] == {"metadata[lockgate_key]": "k", "metadata[note]": "***", "email": "***"}
    assert said["query"] == {"limit": "1", "email": "***"}
    assert "canary" not in json.dumps(said)
    assert said["headers"]["Idempotency-Key"] == "k"
    assert "Authorization" not in said["headers"]


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(st.sampled_from("ab[]=&+%3Bé \x00"), max_size=30))
def test_a_form_is_read_as_the_library_reads_it(body: str) -> None:
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    pairs = dict(parse_qsl(body.encode().decode("latin-1"), keep_blank_values=True))
    said = evidence.of_request(Request("POST", "/x", headers=form, body=body.encode()), frozenset({"a", "b"}))
    read = said["body"] or {}
    assert list(read) == list(pairs)
    assert all(read[name] == pairs[name] for name in {"a", "b", "b[a]"} & read.keys())


@pytest.mark.parametrize("body", [b"<html>canary</html>", b"\xff\xfe", b"[" * 100_000, b"{"])
def test_what_cannot_be_read_is_only_counted(body: bytes) -> None:
    assert kept(body, "text/html; charset=utf-8") == {"bytes": len(body), "type": "text/html"}


@pytest.mark.parametrize("opens", ['{"id":', '{"x":', "[", '{"x":[', '[{"id":'])
def test_what_is_nested_too_deep_is_cut(opens: str) -> None:
    """What writes, reads and shows it has little of the stack left by then."""
    closes = opens.translate(str.maketrans("{[", "}]", '"idx:'))[::-1]
    for deep in (40, 60, 400, 900, 5000):
        said = kept((opens * deep + '"canary"' + closes * deep).encode())
        assert "canary" not in (text := json.dumps(said)) or opens == '{"id":'
        assert max(text.count("{"), text.count("[")) <= 51


def test_only_short_names_of_a_form_are_remembered() -> None:
    evidence._known.cache_clear()
    kept(b"short=1&" + b"x" * 200_000 + b"=1", "application/x-www-form-urlencoded")
    assert evidence._known.cache_info().currsize == 1


def test_long_values_and_lists_are_cut() -> None:
    said = kept(json.dumps({"id": "x" * 10_000, "data": [{"id": "y"}] * 1000}).encode())
    assert len(said["id"]) == 500
    assert len(said["data"]) == 50


@pytest.mark.parametrize(
    ("message", "normalised"),
    [
        ("No such customer: 'cus_Qexample0001'", "No such customer: '<id>'"),
        ("Found inactive addresses: jo@customer.example.", "Found inactive addresses: <email>."),
        ("no mail to o'brien@customer.example", "no mail to <email>"),
        ("no mail to 'jo@customer.example'", "no mail to '<email>'"),
        ("see https://pay.example/x?token=1", "see <url>"),
        ("charge 4,200.00 failed", "charge <n> failed"),
        ("charge of GBP 42.00 failed", "charge of <amount> failed"),
        ("charge of 42.00 EUR failed", "charge of <amount> failed"),
        ("charge of £4,200 failed", "charge of <amount> failed"),
        ("token sk_live_4eC39HqLyjWDarjtT1zdp7dc expired at 2026-11-29T01:08:31.5Z", "token <id> expired at <time>"),
        ("expired on 2026-11-29 01:08:31+01:00.", "expired on <time>."),
        ("no route to 10.0.0.17:443", "no route to <n>"),
        ("no route to 2001:db8:0:1:1:1:1:1", "no route to <address>"),
        ("object 507f1f77bcf86cd799439011 is gone", "object <id> is gone"),
        ("order ORD-2026-000123 is closed", "order <id> is closed"),
        ("status 503 after 3 tries", "status <n> after <n> tries"),
        ("use HTTP/1.1 or oauth2", "use HTTP/<n> or oauth2"),
        ("row 0a129aee-e1cd-480d-b08d-4f48548ff48d", "row <id>"),
    ],
)
def test_messages_of_one_failure_become_one(message: str, normalised: str) -> None:
    assert evidence.normalised(message) == normalised


@given(st.uuids(), st.datetimes(), st.integers(1, 10**9), st.emails(domains=st.just("customer.example")))
def test_one_token_failure_is_one_group_whoever_and_whenever(
    token: uuid.UUID, when: datetime, number: int, address: str
) -> None:
    said = f"token {token} of row {number} expired at {when.isoformat(timespec='seconds')}Z"
    assert evidence.normalised(said) == "token <id> of row <n> expired at <time>"
    assert address not in evidence.normalised(f"<{address}> was refused")


def test_a_silence_is_kept_without_addresses() -> None:
    assert evidence.of_silence(Silence(sent=True, code="tls", message="jo@customer.example hung up")) == {
        "silence": "tls", "sent": True, "message": "<email> hung up",
    }  # fmt: skip
