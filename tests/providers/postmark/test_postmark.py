"""What Postmark's answers mean: the code in the body, each row of its errors, each answer to the search by our key."""

import json
from typing import Any

import pytest
from providers.conformance import KEY
from providers.postmark.cases import MAIL
from providers.recordings import recording
from pydantic import ValidationError

from integrations import call, postmark
from integrations.classify import Profile
from operations.outcome import Absent, Declined, Effect, ErrorClass, Failed, Finding, Present, Succeeded, Unclear
from operations.request import Reply

ID = "0a129aee-e1cd-480d-b08d-4f48548ff48d"
T, R, C, A = ErrorClass.TRANSIENT, ErrorClass.RATE_LIMITED, ErrorClass.CLIENT, ErrorClass.AMBIGUOUS


class Spoken:
    adapter = postmark.ADAPTER
    profile = Profile()


def classified(reply: Reply) -> Failed:
    return call.failure(Spoken(), reply)  # type: ignore[arg-type]


def says(status: int, code: Any = None, headers: dict[str, str] | None = None, **more: Any) -> Reply:
    body = {"Message": "…", **more} | ({} if code is None else {"ErrorCode": code})
    return Reply(status, headers or {}, json.dumps(body).encode())


def found(name: str) -> Finding:
    return MAIL.kind.finding(MAIL.sent(), recording("postmark", name).reply())


# ---- what is sent ----


def test_a_mail_carries_our_key_as_metadata_that_fits() -> None:
    request = MAIL.request()
    body = json.loads(request.body)
    assert (request.method, request.path) == ("POST", "/email")
    assert body["Metadata"] == {"lockgate_key": KEY}
    assert all(len(name) <= 20 and len(value) <= 80 for name, value in body["Metadata"].items())
    assert body["MessageStream"] == "outbound"
    assert "HtmlBody" not in body
    assert request.headers == {"Content-Type": "application/json", "Accept": "application/json"}


def test_a_mail_without_words_is_refused_at_the_door() -> None:
    with pytest.raises(ValidationError, match="a mail needs text or html"):
        postmark.SendEmail.Arguments(**{**MAIL.arguments, "text": None})


@pytest.mark.parametrize("to", ["a@b.example, c@d.example", "nobody", "a@b.example\nBcc: c@d.example", ""])
def test_a_mail_goes_to_one_address(to: str) -> None:
    with pytest.raises(ValidationError):
        postmark.SendEmail.Arguments(**{**MAIL.arguments, "to": to})


# ---- what an answer means ----


def test_a_mail_that_was_accepted_has_succeeded() -> None:
    said = MAIL.kind.outcome(recording("postmark", "mail_accepted").reply())
    assert said == Succeeded(ID, {"submitted_at": "2026-11-24T07:25:01.4178645-05:00"})


def test_an_inactive_recipient_is_declined_whatever_the_status() -> None:
    told = recording("postmark", "recipient_inactive")
    for status in (422, 200):
        said = MAIL.kind.outcome(told.reply(status=status))
        assert isinstance(said, Declined)
        assert (said.code, said.behind_key) == ("inactive_recipient", False)


@pytest.mark.parametrize("code", [0, "0", None], ids=["as it is", "as text", "left out"])
def test_a_drifted_success_is_one_while_it_names_the_mail(code: Any) -> None:
    assert isinstance(MAIL.kind.outcome(says(200, code, MessageID=ID)), Succeeded)


ERRORS: list[tuple[Reply, ErrorClass, Effect, dict[str, Any]]] = [
    (says(401, 10), C, Effect.NONE, {"connection": True}),
    (Reply(401, {}, b"<html>"), C, Effect.NONE, {"connection": True}),
    (says(403, 10), C, Effect.NONE, {"connection": False}),
    (says(404, 12), C, Effect.NONE, {"connection": False}),
    (Reply(413, {}, b""), C, Effect.NONE, {}),
    (Reply(415, {}, b""), C, Effect.NONE, {}),
    *(
        (says(422, code), C, Effect.NONE, {"down": False})
        for code in (300, 402, 403, 405, 412, 413, 1101, 1235, 500, 503)
    ),
    (says(429, 429), R, Effect.NONE, {"retry_after": None}),
    (Reply(429, {"retry-after": "5"}, b""), R, Effect.NONE, {"retry_after": 5.0}),
    (says(500, 101), A, Effect.UNKNOWN, {"down": True}),
    (says(503, 100), T, Effect.NONE, {"down": True}),
    (Reply(503, {}, b""), A, Effect.UNKNOWN, {"down": True}),
    (Reply(502, {}, b""), A, Effect.UNKNOWN, {"down": True}),
    (Reply(504, {}, b""), A, Effect.UNKNOWN, {"down": True}),
    (says(409, 409), A, Effect.UNKNOWN, {"down": False}),
    (says(408, 0), A, Effect.UNKNOWN, {"down": True}),
    (says(200, 300), A, Effect.UNKNOWN, {}),
    (says(200, 0), A, Effect.UNKNOWN, {}),
    (Reply(200, {}, b"<html>"), A, Effect.UNKNOWN, {}),
    (Reply(200, {}, b""), A, Effect.UNKNOWN, {}),
]


@pytest.mark.parametrize(("reply", "error_class", "effect", "more"), ERRORS, ids=str)
def test_each_row_of_postmarks_errors(
    reply: Reply, error_class: ErrorClass, effect: Effect, more: dict[str, Any]
) -> None:
    said = MAIL.kind.outcome(reply) or classified(reply)
    assert isinstance(said, Failed)
    assert (said.error_class, said.effect) == (error_class, effect)
    assert {name: getattr(said, name) for name in more} == more


# ---- did it happen? ----


def test_the_search_asks_for_our_key_alone() -> None:
    asked = MAIL.kind.inquiry(MAIL.sent())
    assert asked.target == f"/messages/outbound?count=5&offset=0&metadata_lockgate_key={KEY}"


def test_our_mail_is_found_by_its_mark() -> None:
    assert found("search_with_ours") == Present(Succeeded(ID))


def test_no_mail_is_an_absence() -> None:
    assert found("search_with_none") == Absent()


def test_a_search_that_shows_the_mails_of_others_proves_nothing() -> None:
    assert isinstance(found("search_with_others"), Unclear)


@pytest.mark.parametrize(
    "body",
    [{}, {"TotalCount": 0}, {"Messages": []}, {"TotalCount": 3, "Messages": []}, {"TotalCount": 0, "Messages": [{}]}],
)
def test_a_search_that_is_not_whole_proves_no_absence(body: dict[str, Any]) -> None:
    assert isinstance(MAIL.kind.finding(MAIL.sent(), Reply(200, {}, json.dumps(body).encode())), Unclear)


@pytest.mark.parametrize("status", [401, 404, 422, 429, 500, 503])
def test_a_search_that_fails_proves_nothing(status: int) -> None:
    assert isinstance(MAIL.kind.finding(MAIL.sent(), says(status, 0, TotalCount=0, Messages=[])), Unclear)


def test_the_account_is_the_tokens_server() -> None:
    assert postmark.ADAPTER.account(recording("postmark", "server").reply()) == "1"
    assert postmark.ADAPTER.account(says(401, 10)) is None
