"""What Stripe's answers mean: each state of each object, each row of its errors, each answer to an inquiry."""

import json
from dataclasses import replace
from datetime import timedelta
from typing import Any
from urllib.parse import parse_qsl

import pytest
from providers.conformance import KEY, LATER, Case
from providers.recordings import recording
from providers.stripe.cases import CAPTURE, CUSTOMER, REFUND, START, TAKE
from pydantic import ValidationError

from integrations import call, stripe
from integrations.classify import Profile
from integrations.stripe import form
from operations.outcome import (
    Absent,
    Accepted,
    Ask,
    Declined,
    Effect,
    ErrorClass,
    Failed,
    Finding,
    Open,
    Outcome,
    Present,
    Succeeded,
    Unclear,
)
from operations.request import Reply

PI = "pi_3QexampleAAAA0001"


def heard(case: Case, name: str) -> Outcome | None:
    return case.kind.outcome(recording("stripe", name).reply())


def found(case: Case, name: str, *, reference: str | None = None, declined: str | None = None) -> Finding:
    return case.kind.finding(case.sent(reference, declined), recording("stripe", name).reply())


def fields(case: Case) -> dict[str, str]:
    return dict(parse_qsl(case.request().body.decode(), strict_parsing=True, keep_blank_values=True))


# ---- what is sent ----


def test_a_payment_is_confirmed_at_once_and_off_session() -> None:
    assert fields(TAKE) == {
        "amount": "4200",
        "currency": "gbp",
        "customer": "cus_Qexample0001",
        "payment_method": "pm_1Qexample0001",
        "confirm": "true",
        "off_session": "true",
        "automatic_payment_methods[enabled]": "true",
        "automatic_payment_methods[allow_redirects]": "never",
        "metadata[lockgate_key]": KEY,
        "metadata[order_id]": "1001",
    }


def test_a_payment_that_is_only_reserved_says_so() -> None:
    request = TAKE.request(arguments={**TAKE.arguments, "capture": False})
    assert b"capture_method=manual" in request.body


def test_a_started_payment_is_not_confirmed() -> None:
    assert {"confirm", "off_session", "payment_method"} & set(fields(START)) == set()


def test_every_write_carries_the_key_the_pinned_version_and_form_fields() -> None:
    for case in (TAKE, START, CAPTURE, REFUND, CUSTOMER):
        assert case.request().headers == {
            "Content-Type": "application/x-www-form-urlencoded",
            "Idempotency-Key": KEY,
            "Stripe-Version": form.VERSION,
        }


def test_our_key_fits_stripes_metadata() -> None:
    for case in (TAKE, START, REFUND, CUSTOMER):
        marks = {name: value for name, value in fields(case).items() if name.startswith("metadata[")}
        assert marks["metadata[lockgate_key]"] == KEY
        assert all(len(name) <= len("metadata[]") + 40 and len(value) <= 500 for name, value in marks.items())
        assert len(KEY) <= 40


@pytest.mark.parametrize("payment", ["..", "../refunds", "pi_1/../x", "cus_1", "pi_1?x=y", "", "pi_1\n"])
def test_a_payment_that_is_no_payment_id_is_refused_at_the_door(payment: str) -> None:
    with pytest.raises(ValidationError):
        stripe.CapturePayment.Arguments(payment=payment)


@pytest.mark.parametrize("amount", [0, -1, 1.0, "100", True, 100_000_000])
def test_an_amount_is_a_whole_positive_number_of_the_smallest_unit(amount: Any) -> None:
    with pytest.raises(ValidationError):
        stripe.TakePayment.Arguments(**{**TAKE.arguments, "amount": amount})


# ---- what an answer means ----

ENDS: list[tuple[Case, str, Outcome | None]] = [
    (TAKE, "payment_succeeded", Succeeded(PI)),
    (TAKE, "payment_reserved", Succeeded(PI)),
    (TAKE, "payment_processing", Accepted(PI)),
    (TAKE, "payment_requires_action", Open("requires_action", PI)),
    (TAKE, "payment_open", Open("insufficient_funds", PI)),
    (TAKE, "payment_canceled", Declined("insufficient_funds")),
    (TAKE, "payment_refused", Open("insufficient_funds", PI, "Your card has insufficient funds.")),
    (START, "intent_started", Succeeded(PI)),
    (START, "payment_requires_action", Succeeded(PI)),
    (START, "payment_canceled", Declined("canceled")),
    (CAPTURE, "payment_captured", Succeeded(PI)),
    (CAPTURE, "payment_processing", Accepted(PI)),
    (CAPTURE, "payment_reserved", None),
    (CAPTURE, "payment_canceled", Declined("insufficient_funds")),
    (CAPTURE, "payment_refused", Declined("insufficient_funds", "Your card has insufficient funds.", behind_key=True)),
    (REFUND, "refund_succeeded", Succeeded("re_3QexampleAAAA0001")),
    (REFUND, "refund_pending", Succeeded("re_3QexampleAAAA0001")),
    (REFUND, "refund_failed", Declined("expired_or_canceled_card")),
    (CUSTOMER, "customer_created", Succeeded("cus_Qexample0001")),
    (TAKE, "customer_created", None),
    (REFUND, "payment_succeeded", None),
]


@pytest.mark.parametrize(("case", "name", "ends"), ENDS, ids=lambda value: str(getattr(value, "kind", value))[:40])
def test_the_status_of_the_object_decides_and_not_the_200(case: Case, name: str, ends: Outcome | None) -> None:
    said = heard(case, name)
    assert (replace(said, result={}) if isinstance(said, Succeeded | Accepted) else said) == ends


def test_a_status_that_nobody_knows_is_not_taken_for_an_end() -> None:
    told = recording("stripe", "payment_succeeded")
    for status in ("recalibrating", None, 7, ["succeeded"]):
        assert TAKE.kind.outcome(told.reply(body={**told.body, "status": status})) is None


def test_fields_that_are_new_or_of_another_type_do_not_matter_where_the_id_is_there() -> None:
    told = recording("stripe", "payment_succeeded")
    drifted = {**told.body, "amount": "4200", "created": "soon", "livemode": None, "insights": {"score": 0.5}}
    assert isinstance(TAKE.kind.outcome(told.reply(body=drifted)), Succeeded)


def test_a_refusal_that_hides_its_intent_is_a_doubt() -> None:
    told = recording("stripe", "payment_refused")
    for hidden in (None, "pi_1", {}, {"id": PI}, {"object": "payment_intent", "id": PI, "status": "new"}):
        body = {"error": {**told.body["error"], "payment_intent": hidden}}
        said = TAKE.kind.outcome(told.reply(body=body)) or classified(told.reply(body=body))
        assert isinstance(said, Failed)
        assert (said.error_class, said.effect, said.frozen) == (ErrorClass.AMBIGUOUS, Effect.UNKNOWN, True)


def test_a_refusal_whose_intent_is_closed_is_declined() -> None:
    told, closed = recording("stripe", "payment_refused"), recording("stripe", "payment_canceled")
    body = {"error": {**told.body["error"], "payment_intent": closed.body}}
    assert TAKE.kind.outcome(told.reply(body=body)) == Declined(
        "insufficient_funds", "Your card has insufficient funds.", behind_key=True
    )


def test_the_secret_of_an_intent_reaches_only_the_caller_who_needs_it() -> None:
    started, taken = heard(START, "intent_started"), heard(TAKE, "payment_succeeded")
    assert isinstance(started, Succeeded)
    assert isinstance(taken, Succeeded)
    assert "client_secret" in started.result
    assert "client_secret" not in taken.result


# ---- what an error means ----


def classified(reply: Reply) -> Failed:
    class Spoken:
        adapter = stripe.ADAPTER
        profile = Profile()

    return call.failure(Spoken(), reply)  # type: ignore[arg-type]


def refusal(status: int, headers: dict[str, str] | None = None, **error: Any) -> Reply:
    return Reply(status, headers or {}, json.dumps({"error": error}).encode())


API, INVALID, IDEMPOTENCY = "api_error", "invalid_request_error", "idempotency_error"
QUOTA = {"stripe-rate-limited-reason": "endpoint-rate"}
T, R, C, A = ErrorClass.TRANSIENT, ErrorClass.RATE_LIMITED, ErrorClass.CLIENT, ErrorClass.AMBIGUOUS

ERRORS: list[tuple[Reply, ErrorClass, Effect, dict[str, Any]]] = [
    (refusal(409, type=IDEMPOTENCY, code="idempotency_key_in_use"), T, Effect.UNKNOWN, {"down": False}),
    (refusal(429, QUOTA, type=INVALID, code="rate_limit"), R, Effect.NONE, {"retry_after": None}),
    (refusal(429, {"retry-after": "7"}, type=INVALID), R, Effect.NONE, {"retry_after": 7.0}),
    (Reply(429, {}, b"<html>"), R, Effect.NONE, {}),
    (refusal(400, type=INVALID, code="rate_limit"), R, Effect.NONE, {}),
    (refusal(429, type=INVALID, code="lock_timeout"), T, Effect.NONE, {"down": False}),
    (refusal(429, QUOTA, type=INVALID, code="lock_timeout"), R, Effect.NONE, {}),
    (refusal(500, type=API), A, Effect.UNKNOWN, {"frozen": True, "down": True}),
    (refusal(500, {"idempotent-replayed": "true"}, type=API), A, Effect.UNKNOWN, {"frozen": True, "down": False}),
    (refusal(500, {"stripe-should-retry": "true"}, type=API), A, Effect.UNKNOWN, {"frozen": False}),
    (Reply(500, {}, b"<html>"), A, Effect.UNKNOWN, {"frozen": False, "down": True}),
    (Reply(502, {}, b""), A, Effect.UNKNOWN, {"frozen": False, "down": True}),
    (
        refusal(503, {"retry-after": "9"}, type=API),
        A,
        Effect.UNKNOWN,
        {"frozen": False, "down": True, "retry_after": 9.0},
    ),
    (Reply(504, {}, b""), A, Effect.UNKNOWN, {"frozen": False, "down": True}),
    (refusal(400, type=IDEMPOTENCY, message="Keys for …"), A, Effect.UNKNOWN, {"frozen": True, "down": False}),
    (refusal(400, type=INVALID, code="parameter_unknown"), C, Effect.NONE, {"connection": False}),
    (refusal(404, type=INVALID, code="resource_missing"), C, Effect.NONE, {"connection": False}),
    (refusal(401, type=INVALID), C, Effect.NONE, {"connection": True}),
    (Reply(401, {}, b"<html>"), C, Effect.NONE, {"connection": True}),
    (refusal(403, type=INVALID), C, Effect.NONE, {"connection": False}),
    (refusal(424, type=API), T, Effect.UNKNOWN, {}),
    (Reply(408, {}, b""), A, Effect.UNKNOWN, {"down": True}),
    (refusal(408, type=API), A, Effect.UNKNOWN, {"down": True}),
    (Reply(200, {}, b"<html>"), A, Effect.UNKNOWN, {"down": False}),
    (refusal(200, type=INVALID), A, Effect.UNKNOWN, {}),
    (Reply(307, {"location": "http://elsewhere"}, b""), C, Effect.NONE, {}),
]


@pytest.mark.parametrize(("reply", "error_class", "effect", "more"), ERRORS, ids=str)
def test_each_row_of_stripes_errors(
    reply: Reply, error_class: ErrorClass, effect: Effect, more: dict[str, Any]
) -> None:
    for case in (START, REFUND, CUSTOMER):
        said = case.kind.outcome(reply) or classified(reply)
        assert isinstance(said, Failed)
        assert (said.error_class, said.effect) == (error_class, effect)
        assert {name: getattr(said, name) for name in more} == more


def test_only_a_replay_speaks_for_every_send() -> None:
    replayed = refusal(400, {"idempotent-replayed": "true"}, type=INVALID, code="parameter_missing")
    assert classified(replayed).behind_key
    assert not classified(refusal(400, type=INVALID, code="parameter_missing")).behind_key


# ---- did it happen? ----

FOUND: list[tuple[Case, str, type[Finding]]] = [
    (TAKE, "list_with_ours", Present),
    (TAKE, "list_of_others", Absent),
    (TAKE, "list_of_none", Absent),
    (TAKE, "list_that_goes_on", Ask),
    (TAKE, "payment_succeeded", Present),
    (TAKE, "payment_processing", Present),
    (TAKE, "payment_open", Ask),
    (TAKE, "payment_requires_action", Ask),
    (TAKE, "payment_refused", Unclear),
    (TAKE, "account", Unclear),
    (START, "intent_started", Present),
    (CAPTURE, "payment_reserved", Absent),
    (CAPTURE, "payment_captured", Present),
    (CAPTURE, "payment_processing", Present),
    (CAPTURE, "payment_open", Present),
    (CAPTURE, "customer_created", Unclear),
    (REFUND, "refund_pending", Present),
    (CUSTOMER, "customer_created", Present),
]


@pytest.mark.parametrize(("case", "name", "kind"), FOUND, ids=lambda value: str(getattr(value, "kind", value))[:40])
def test_what_the_answer_to_an_inquiry_shows(case: Case, name: str, kind: type[Finding]) -> None:
    assert isinstance(found(case, name), kind)


def test_a_list_is_read_page_by_page_from_shortly_before_the_first_send() -> None:
    first = TAKE.kind.inquiry(TAKE.sent())
    assert dict(first.query) == {
        "customer": "cus_Qexample0001",
        "limit": "100",
        "created[gte]": str(int(LATER.timestamp()) - 120),
    }
    more = found(TAKE, "list_that_goes_on")
    assert isinstance(more, Ask)
    assert dict(more.request.query) == dict(first.query) | {"starting_after": "pi_3QexampleAAAA0002"}


def test_a_list_ends_when_what_was_sent_cannot_have_happened_any_more() -> None:
    until = LATER + timedelta(seconds=9)
    bounded = START.kind.inquiry(replace(START.sent(), effect_until=until))
    assert dict(bounded.query)["created[lte]"] == str(int(until.timestamp()) + 120)


def test_what_is_known_by_name_is_read_by_name() -> None:
    assert TAKE.kind.inquiry(TAKE.sent(PI)).path == f"/v1/payment_intents/{PI}"
    assert REFUND.kind.inquiry(REFUND.sent("re_1")).path == "/v1/refunds/re_1"


def test_another_intents_object_is_not_ours() -> None:
    told = recording("stripe", "payment_succeeded")
    for marks in ({}, {"lockgate_key": "0c" * 20}, None, ["x"]):
        reply = told.reply(body={**told.body, "metadata": marks})
        assert isinstance(TAKE.kind.finding(TAKE.sent(PI), reply), Unclear)


@pytest.mark.parametrize(
    "change",
    [{"has_more": None}, {"has_more": "false"}, {"data": None}, {"data": [None]}, {"data": [{"id": "pi_1"}]}],
    ids=str,
)
def test_a_list_that_is_not_whole_proves_no_absence(change: dict[str, Any]) -> None:
    told = recording("stripe", "list_of_others")
    reply = told.reply(body={**told.body, **change})
    assert isinstance(TAKE.kind.finding(TAKE.sent(), reply), Unclear)


@pytest.mark.parametrize("status", [400, 401, 404, 429, 500, 503])
def test_an_inquiry_that_fails_proves_nothing(status: int) -> None:
    for case in (TAKE, START, CAPTURE, REFUND, CUSTOMER):
        assert isinstance(case.kind.finding(case.sent(PI), refusal(status, type=API)), Unclear)


# ---- what is still open is closed ----


def test_what_a_refusal_left_open_is_cancelled_and_looked_at_again() -> None:
    ask = found(TAKE, "payment_open", reference=PI, declined="insufficient_funds")
    assert isinstance(ask, Ask)
    assert (ask.request.method, ask.request.path) == ("POST", f"/v1/payment_intents/{PI}/cancel")
    assert "Idempotency-Key" not in ask.request.headers  # a refusal to cancel must not be replayed for a day
    closed = found(TAKE, "payment_canceled", reference=PI, declined="card_declined")
    assert closed == Present(Declined("card_declined", behind_key=True))


def test_a_cancel_that_came_too_late_closes_nothing() -> None:
    refused = refusal(400, type=INVALID, code="payment_intent_unexpected_state")
    assert isinstance(TAKE.kind.finding(TAKE.sent(PI, "card_declined"), refused), Unclear)
    paid = found(TAKE, "payment_succeeded", reference=PI, declined="card_declined")
    assert isinstance(paid, Present)
    assert isinstance(paid.outcome, Succeeded)


def test_a_capture_of_another_amount_was_not_ours() -> None:
    told = recording("stripe", "payment_captured")
    assert CAPTURE.kind.finding(CAPTURE.sent(), told.reply(body={**told.body, "amount_received": 1})) == Present(
        Declined("captured_otherwise")
    )


def test_a_chain_hands_the_payment_on() -> None:
    assert CAPTURE.kind.from_previous({"reference": PI}) == {"payment": PI}


def test_the_account_is_the_keys_own() -> None:
    assert stripe.ADAPTER.account(recording("stripe", "account").reply()) == "acct_1Qexample0001"
    assert stripe.ADAPTER.account(recording("stripe", "customer_created").reply()) is None
    assert stripe.ADAPTER.account(refusal(401, type=INVALID)) is None
