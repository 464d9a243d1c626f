"""Faults in which an answer comes that should not be believed, or not so."""

import gzip
from email.utils import parsedate_to_datetime
from typing import Any

import pytest
import requests
from urllib3.exceptions import HTTPError

from .running import Box, all_bytes, raw_request

FORM = "amount=1099&currency=gbp&confirm=true&payment_method=pm_card_visa&metadata[lockgate_key]="


def _lied(box: Box, business: str, fault: str, **order: Any) -> requests.Response:
    box.order("/faults", fault=fault, times=1, match={"business": business, "method": "POST"}, **order)
    return box.pay(business, key=business)


@pytest.mark.parametrize("form", ["502", "503", "504"])
@pytest.mark.parametrize(("variant", "effects"), [("before", 0), ("after", 1)])
def test_a_gateway_fails_and_the_key_still_holds_the_truth(
    box: Box, business: str, form: str, variant: str, effects: int
) -> None:
    assert _lied(box, business, "F10", variant=variant, form=form).status_code == int(form)
    assert len(box.effects(business)) == effects

    again = box.pay(business, key=business)
    assert again.status_code == 200
    assert again.headers.get("Idempotent-Replayed") == ("true" if effects else None)


@pytest.mark.parametrize(
    ("form", "expected"),
    [
        ("seconds", ["3"]),
        ("negative", ["-1"]),
        ("zero", ["0"]),
        ("huge", ["1e9"]),
        ("text", ["abc"]),
        ("absent", []),
        ("two", ["3", "7"]),
        ("digits", ["9" * 20]),
    ],
)
def test_retry_after_comes_in_every_odd_form(box: Box, business: str, form: str, expected: list[str]) -> None:
    answer = _lied(box, business, "F11", form=form)

    assert (answer.status_code, answer.json()["error"]["code"]) == (429, "rate_limit")
    assert answer.raw.headers.getlist("Retry-After") == expected
    assert box.effects(business) == []
    [request] = box.events("request", business=business)
    assert not request.get("limited"), "no limit was passed"


@pytest.mark.parametrize(("form", "ahead"), [("date", 1), ("past", -1)])
def test_retry_after_may_be_a_date(box: Box, business: str, form: str, ahead: int) -> None:
    answer = _lied(box, business, "F11", form=form)
    theirs, now = (parsedate_to_datetime(answer.headers[name]) for name in ("Retry-After", "Date"))

    assert (theirs - now).total_seconds() * ahead > 0


def test_retry_after_may_be_given_word_for_word(box: Box, business: str) -> None:
    answer = _lied(box, business, "F11", params={"retry_after": [5, "soon"], "headers": {"X-More": "yes"}})

    assert (answer.raw.headers.getlist("Retry-After"), answer.headers["X-More"]) == (["5", "soon"], "yes")


def test_a_storm_of_429_meets_one_tenant_only(box: Box, business: str) -> None:
    assert _lied(box, business, "F12", params={"seconds": 3600}).status_code == 429
    assert box.pay(business).status_code == 429
    assert box.pay(business, token="sk_other").status_code == 200


@pytest.mark.parametrize("form", ["length", "chunk", "gzip"])
def test_a_success_may_break_off_or_not_unpack(box: Box, business: str, form: str) -> None:
    with pytest.raises((requests.RequestException, HTTPError)):
        _lied(box, business, "F13", form=form)
    assert len(box.effects(business)) == 1


@pytest.mark.parametrize(("variant", "effects"), [("before", 0), ("after", 1)])
def test_a_200_may_be_a_page_or_of_another_type_or_empty(box: Box, business: str, variant: str, effects: int) -> None:
    seen = []
    for form in ("html", "type", "empty"):
        answer = _lied(box, f"{business}:{form}", "F14", variant=variant, form=form)
        assert answer.status_code == 200
        seen.append((answer.headers["Content-Type"].partition(";")[0], bool(answer.content)))
        assert len(box.effects(f"{business}:{form}")) == effects

    assert seen == [("text/html", True), ("text/plain", True), ("application/json", False)]


def test_a_success_may_hold_failures(box: Box, business: str) -> None:
    errors = _lied(box, business, "F15", form="errors", variant="after")
    assert (errors.status_code, "error" in errors.json()) == (200, True)

    parts = _lied(box, f"{business}:2", "F15", form="207", variant="after")
    assert (parts.status_code, [row["status"] for row in parts.json()["results"]]) == (207, [200, 400])

    box.order("/faults", fault="F15", times=1, match={"provider": "postmark"})
    assert (box.mail(business).status_code, box.mail(business).json()["ErrorCode"]) == (200, 0)


def test_a_body_may_be_huge(box: Box, business: str) -> None:
    answer = _lied(box, business, "F16", params={"bytes": 300_000})

    assert len(answer.content) > 300_000
    assert answer.json()["status"] == "succeeded"
    assert len(box.effects(business)) == 1


def test_a_small_body_may_unpack_to_a_huge_one(box: Box, business: str) -> None:
    box.order("/faults", fault="F16", form="bomb", times=1, match={"business": business}, params={"bytes": 2_000_000})
    answer = box.pay(business, stream=True)
    packed = b"".join(answer.raw.stream(65536, decode_content=False))

    assert len(packed) < 20_000
    assert len(gzip.decompress(packed)) == 2_000_000


def test_headers_may_have_no_end(box: Box, business: str) -> None:
    box.order("/faults", fault="F16", form="headers", times=1, match={"business": business}, params={"lines": 1200})
    with box.connect("stripe") as sock:
        sock.sendall(raw_request("POST", "/v1/payment_intents", (FORM + business).encode()))
        assert all_bytes(sock).count(b"X-Flood-") == 1200


@pytest.mark.parametrize("form", ["headers", "body"])
def test_an_answer_may_drip(box: Box, business: str, form: str) -> None:
    params = {"seconds": 0.05}
    box.order("/faults", fault="F17", form=form, times=1, match={"business": business}, params=params)
    with box.connect("stripe") as sock:
        sock.sendall(raw_request("POST", "/v1/payment_intents", (FORM + business).encode()))
        pieces = [sock.recv(65536) for _ in range(6)]

    assert {len(piece) for piece in pieces[1:]} <= {1, 2}, "two bytes in one packet are a busy machine"
    assert b"".join(pieces).startswith(b"HTTP/1")
    assert (b"\r\n\r\n{" in b"".join(pieces)) == (form == "body")
    assert len(box.effects(business)) == 1


def test_a_schema_may_drift(box: Box, business: str) -> None:
    forms = ("missing", "renamed", "extra", "string", "status")
    told = {form: _lied(box, f"{business}:{form}", "F18", form=form).json() for form in forms}

    assert "id" not in told["missing"]
    assert told["renamed"]["identifier"].startswith("pi_")
    assert told["extra"]["schema_revision"] == 7
    assert told["string"]["amount"] == "1099"
    assert told["status"]["status"] == "recalibrating"
    assert all(len(box.effects(f"{business}:{form}")) == 1 for form in forms)


def test_a_drift_meets_postmark_by_its_own_names(box: Box, business: str) -> None:
    box.order("/faults", fault="F18", times=1, match={"business": business})
    assert "MessageID" not in box.mail(business).json()


def test_a_credential_may_be_refused_in_four_ways(box: Box, business: str) -> None:
    answers = [_lied(box, business, "F19", form=form) for form in ("expired", "revoked", "scope", "html")]

    assert [answer.status_code for answer in answers] == [401, 401, 403, 401]
    assert answers[3].headers["Content-Type"].startswith("text/html")
    assert box.effects(business) == []


def test_a_conflict_has_four_meanings(box: Box, business: str) -> None:
    forms = ("in_progress", "mismatch", "foreign", "exists")
    answers = {}
    for form in forms:
        box.order("/faults", fault="F20", form=form, times=1, match={"business": f"{business}:{form}"})
        answers[form] = box.plain("/things", {"reference": f"{business}:{form}"})
    ours = box.plain("/me").json()["account"]

    assert {answer.status_code for answer in answers.values()} == {409}
    assert answers["exists"].json()["owner"] == ours != answers["foreign"].json()["owner"]
    assert answers["exists"].json()["id"] == box.effects(f"{business}:exists")[0]["reference"]
    assert [len(box.effects(f"{business}:{form}")) for form in forms] == [0, 0, 0, 1]


def test_a_permanent_refusal_is_kept_under_its_key(box: Box, business: str) -> None:
    assert _lied(box, business, "F21").status_code == 400
    assert box.pay(business, key=business).headers["Idempotent-Replayed"] == "true"
    assert box.pay(business, key=f"{business}:2").status_code == 200


def test_a_redirect_leads_elsewhere(box: Box, business: str) -> None:
    plain = _lied(box, business, "F22")
    other = _lied(box, business, "F22", params={"status": 301, "location": "http://other.example/"})

    assert (plain.status_code, plain.headers["Location"]) == (307, "http://169.254.169.254/latest/meta-data/")
    assert (other.status_code, other.headers["Location"]) == (301, "http://other.example/")
    assert box.effects(business) == []


def test_a_look_up_may_be_blind_stale_or_broken(box: Box, business: str) -> None:
    intent, thing = box.pay(business).json()["id"], f"thing:{business}"
    box.plain("/things", {"reference": thing})
    query = {"params": {"query": f"metadata['lockgate_key']:'{business}'"}}

    def looked(form: str) -> tuple[requests.Response, requests.Response, requests.Response]:
        rule = box.order("/faults", fault="F24", form=form)
        answers = (
            box.stripe(f"/v1/payment_intents/{intent}"),
            box.stripe("/v1/payment_intents/search", **query),
            box.plain(f"/things/{thing}"),
        )
        box.order(f"/faults/{rule['id']}", "DELETE")
        return answers

    for form in ("lag", "absent"):
        one, search, plain = looked(form)
        assert (one.status_code, search.json()["data"], plain.status_code) == (404, [], 404)
    one, search, plain = looked("stale")
    assert (one.json()["status"], plain.json()["status"]) == ("processing", "pending")
    assert search.json()["data"][0]["status"] == "processing"
    assert [answer.status_code for answer in looked("fail")] == [500, 500, 500]
    assert box.stripe(f"/v1/payment_intents/{intent}").json()["status"] == "succeeded"


def test_an_outage_may_begin_with_a_request(box: Box, business: str) -> None:
    assert _lied(box, business, "F26", form="503", params={"seconds": 3600}).status_code == 503
    assert box.stripe("/v1/account").status_code == 503
    box.order("/outage", "DELETE")
    assert box.stripe("/v1/account").status_code == 200
