"""What Retry-After asks for, in every form that a provider may think of."""

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from integrations import classify
from integrations.classify import Profile, retry_after
from operations.outcome import Effect, ErrorClass
from operations.request import Reply, Request, Silence

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
DAY = 86_400.0


def asked(*values: str, date: datetime | None = NOW) -> float | None:
    headers = {"retry-after": ", ".join(values)} if values else {}
    return retry_after(Reply(429, headers | ({"date": format_datetime(date, usegmt=True)} if date else {}), b""))


def http_date(**later: float) -> str:
    return format_datetime(NOW + timedelta(**later), usegmt=True)


@pytest.mark.parametrize(
    ("values", "seconds"),
    [
        (["3"], 3.0),
        (["0"], 0.0),
        (["-1"], 0.0),
        ([http_date(seconds=90)], 90.0),
        ([http_date(seconds=-90)], 0.0),
        ([http_date(days=20)], DAY),
        ([http_date(days=400)], None),
        (["86400"], DAY),
        (["2592000"], DAY),
        (["999999999"], None),
        (["9" * 20], None),
        (["9" * 20, "7"], 7.0),
        (["-" + "9" * 20], 0.0),
        (["3", "7"], 7.0),
        (["7", "abc"], 7.0),
        (["1e9"], None),
        (["1.5"], None),
        (["abc"], None),
        (["٣"], None),
        ([""], None),
        ([], None),
        (["Tue, 99 Nov 20266 12:00:00 GMT"], None),
        (["Tue, 24 Nov 99999999999999999999 12:00:00 GMT"], None),
    ],
    ids=str,
)
def test_what_is_asked_for_is_clamped_and_nonsense_is_left_out(values: list[str], seconds: float | None) -> None:
    assert asked(*values) == seconds


def test_a_date_is_taken_by_the_providers_own_clock() -> None:
    theirs = NOW - timedelta(minutes=10)  # their clock is slow, and so is the date that it names
    said = format_datetime(theirs + timedelta(seconds=30), usegmt=True)
    assert asked(said, date=theirs) == 30.0
    assert asked(said, date=None) is None


@settings(max_examples=300, deadline=None, derandomize=True)
@given(value=st.text(max_size=30) | st.integers().map(str) | st.floats().map(str), date=st.text(max_size=30))
def test_no_value_breaks_it(value: str, date: str) -> None:
    found = retry_after(Reply(429, {"retry-after": value, "date": date}, b""))
    assert found is None or 0.0 <= found <= DAY


def test_a_refusal_that_the_file_names_is_one_and_no_other_is() -> None:
    named = Profile(frozenset({503}))
    assert classify.of_reply(Reply(503, {"retry-after": "4"}, b""), named).effect is Effect.NONE
    assert classify.of_reply(Reply(503, {"retry-after": "4"}, b""), named).retry_after == 4.0
    assert classify.of_reply(Reply(502, {}, b""), named).effect is Effect.UNKNOWN


@pytest.mark.parametrize("code", ["dns", "connect_refused", "connect_timeout", "tls"])
def test_what_was_never_sent_has_no_effect(code: str) -> None:
    failed = classify.of_silence(Silence(sent=False, code=code), Request("POST", "/x"))
    assert (failed.error_class, failed.effect) == (ErrorClass.TRANSIENT, Effect.NONE)


def test_a_read_that_got_no_answer_leaves_no_doubt() -> None:
    assert classify.of_silence(Silence(sent=True, code="read_timeout"), Request("GET", "/x")).effect is Effect.NONE
    assert classify.of_silence(Silence(sent=True, code="read_timeout"), Request("POST", "/x")).effect is Effect.UNKNOWN
