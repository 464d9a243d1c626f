from typing import Any

import pytest

from .running import Box, until


def test_a_confirmed_payment_succeeds_and_is_one_standing_charge(box: Box, business: str) -> None:
    answer = box.pay(business, headers={"Stripe-Version": "2026-10-28.endive"})
    intent = answer.json()

    assert answer.status_code == 200
    assert answer.headers["Stripe-Version"] == "2026-10-28.endive"
    assert answer.headers["Request-Id"].startswith("req_")
    assert (intent["object"], intent["status"], intent["amount_received"]) == ("payment_intent", "succeeded", 1099)
    assert intent["latest_charge"].startswith("ch_")
    assert intent["client_secret"].startswith(f"{intent['id']}_secret_")
    [effect] = box.effects(business)
    assert (effect["effect"], effect["reference"], effect["standing"]) == ("charge", intent["id"], True)


def test_an_intent_without_confirmation_counts_as_intent_until_it_is_confirmed(box: Box, business: str) -> None:
    sent = {"amount": "500", "currency": "gbp", "metadata[lockgate_key]": business}
    intent = box.stripe("/v1/payment_intents", sent).json()
    assert intent["status"] == "requires_payment_method"
    assert [effect["effect"] for effect in box.effects(business)] == ["intent"]

    confirmed = box.stripe(f"/v1/payment_intents/{intent['id']}/confirm", {"payment_method": "pm_card_visa"})
    assert confirmed.json()["status"] == "succeeded"
    assert [effect["effect"] for effect in box.effects(business)] == ["charge"]


@pytest.mark.parametrize(
    ("method", "code", "decline_code"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("pm_card_authenticationRequired", "authentication_required", "authentication_required"),
    ],
)
def test_a_declined_payment_leaves_an_open_intent(
    box: Box, business: str, method: str, code: str, decline_code: str
) -> None:
    answer = box.pay(business, method, more={"off_session": "true"})
    error = answer.json()["error"]

    assert answer.status_code == 402
    assert (error["type"], error["code"], error["decline_code"]) == ("card_error", code, decline_code)
    assert error["payment_intent"]["status"] == "requires_payment_method"
    there = box.stripe(f"/v1/payment_intents/{error['payment_intent']['id']}").json()
    assert there["status"] == "requires_payment_method"
    [effect] = box.effects(business)
    assert (effect["effect"], effect["standing"]) == ("open", True)


def test_authentication_on_session_asks_for_action(box: Box, business: str) -> None:
    answer = box.pay(business, "pm_card_authenticationRequired")

    assert (answer.status_code, answer.json()["status"]) == (200, "requires_action")
    assert [effect["effect"] for effect in box.effects(business)] == ["open"]


@pytest.mark.parametrize(
    ("method", "ends"),
    [
        ("pm_processing", ("succeeded", "charge", 0)),
        ("pm_processing_fails", ("requires_payment_method", "open", 1)),
    ],
)
def test_processing_comes_to_its_end_by_itself(
    box: Box, business: str, method: str, ends: tuple[str, str, int]
) -> None:
    end, effect, undone = ends
    intent = box.pay(business, method).json()
    assert intent["status"] == "processing"

    until(lambda: box.stripe(f"/v1/payment_intents/{intent['id']}").json()["status"] == end)
    assert [row["effect"] for row in box.effects(business)] == [effect]
    assert len(box.events("undone", business=business)) == undone


def test_money_that_is_held_is_captured_once_and_never_beyond(box: Box, business: str) -> None:
    intent = box.pay(business, more={"capture_method": "manual"}).json()
    assert (intent["status"], intent["amount_capturable"]) == ("requires_capture", 1099)
    path = f"/v1/payment_intents/{intent['id']}/capture"

    assert box.stripe(path, {"amount_to_capture": "1100"}).status_code == 400
    taken = box.stripe(path, {"amount_to_capture": "1000", "metadata[lockgate_key]": f"{business}:capture"})
    assert (taken.json()["status"], taken.json()["amount_received"]) == ("succeeded", 1000)
    assert box.stripe(path, {"amount_to_capture": "1"}).json()["error"]["code"] == "payment_intent_unexpected_state"
    assert [effect["effect"] for effect in box.effects(business)] == ["charge"]
    assert [effect["effect"] for effect in box.effects(f"{business}:capture")] == ["capture"]


def test_a_canceled_intent_no_longer_stands(box: Box, business: str) -> None:
    intent = box.pay(business, more={"capture_method": "manual"}).json()
    path = f"/v1/payment_intents/{intent['id']}/cancel"
    answer = box.stripe(path, {"cancellation_reason": "abandoned"})

    assert (answer.json()["status"], answer.json()["cancellation_reason"]) == ("canceled", "abandoned")
    assert [(effect["effect"], effect["standing"]) for effect in box.effects(business)] == [("charge", False)]
    assert box.stripe(path, {"cancellation_reason": "abandoned"}).status_code == 400


def test_a_customer_must_exist_unless_it_is_the_demos(box: Box, business: str) -> None:
    made = box.stripe("/v1/customers", {"email": f"{business}@example.com", "metadata[lockgate_key]": business}).json()
    missing = box.pay(business, more={"customer": "cus_never"})

    assert missing.status_code == 400
    assert (missing.json()["error"]["code"], missing.json()["error"]["param"]) == ("resource_missing", "customer")
    for customer in (made["id"], "cus_demo_7"):
        assert box.pay(business, more={"customer": customer}).json()["customer"] == customer
    assert box.stripe(f"/v1/customers/{made['id']}").json()["email"] == f"{business}@example.com"
    assert box.stripe("/v1/customers/cus_never").status_code == 404
    listed = box.stripe("/v1/customers", params={"email": f"{business}@example.com"}).json()
    found = box.stripe("/v1/customers/search", params={"query": f"metadata['lockgate_key']:'{business}'"}).json()
    assert [row["id"] for row in listed["data"]] == [row["id"] for row in found["data"]] == [made["id"]]


def test_refunds_never_exceed_what_was_taken(box: Box, business: str) -> None:
    intent = box.pay(business).json()["id"]
    sent = {"payment_intent": intent, "metadata[lockgate_key]": f"{business}:refund"}
    first = box.stripe("/v1/refunds", sent | {"amount": "99"}).json()
    beyond = box.stripe("/v1/refunds", sent | {"amount": "1001"})
    rest = box.stripe("/v1/refunds", sent).json()
    again = box.stripe("/v1/refunds", sent)

    assert (first["status"], first["amount"], rest["amount"]) == ("succeeded", 99, 1000)
    assert beyond.status_code == 400
    assert again.json()["error"]["code"] == "charge_already_refunded"
    listed = box.stripe("/v1/refunds", params={"payment_intent": intent}).json()["data"]
    assert [row["id"] for row in listed] == [rest["id"], first["id"]]
    assert box.stripe(f"/v1/refunds/{first['id']}").json()["payment_intent"] == intent
    assert [effect["effect"] for effect in box.effects(f"{business}:refund")] == ["refund", "refund"]


def test_lists_are_newest_first_and_come_in_pages(box: Box, business: str) -> None:
    token = f"sk_{business}"
    made = [box.pay(f"{business}:{n}", token=token, more={"customer": f"cus_demo_{n % 2}"}).json() for n in range(5)]
    ids = [intent["id"] for intent in reversed(made)]

    def listed(**query: object) -> dict[str, Any]:
        params = {name: str(value) for name, value in query.items()}
        page: dict[str, Any] = box.stripe("/v1/payment_intents", params=params, token=token).json()
        return page

    first = listed(limit=2)
    assert ([row["id"] for row in first["data"]], first["has_more"]) == (ids[:2], True)
    rest = listed(starting_after=ids[1])
    assert ([row["id"] for row in rest["data"]], rest["has_more"]) == (ids[2:], False)
    assert [row["id"] for row in listed(customer="cus_demo_1")["data"]] == [ids[1], ids[3]]
    assert len(listed(**{"created[gte]": made[0]["created"]})["data"]) == 5
    assert listed(**{"created[gt]": made[-1]["created"] + 5})["data"] == []
    assert len(listed(**{"created[lte]": made[-1]["created"]})["data"]) == 5
    assert listed(**{"created[lte]": made[0]["created"] - 1})["data"] == []


def test_events_name_the_idempotency_key_that_caused_them(box: Box, business: str) -> None:
    intent = box.pay(business, key=f"key-{business}").json()
    params = {"type": "payment_intent.succeeded", "created[gte]": str(intent["created"])}
    events = box.stripe("/v1/events", params=params).json()["data"]

    [event] = [event for event in events if event["data"]["object"]["id"] == intent["id"]]
    assert event["request"]["idempotency_key"] == f"key-{business}"
    assert box.stripe(f"/v1/events/{event['id']}").json() == event


def test_every_key_is_an_account_and_two_may_be_told_to_be_one(box: Box, business: str) -> None:
    one, other = f"sk_one_{business}", f"sk_other_{business}"
    accounts = {box.stripe("/v1/account", token=token).json()["id"] for token in (one, other)}
    assert len(accounts) == 2

    for token in (one, other):
        box.order("/tenants", provider="stripe", token=token, account="acct_same")
    intent = box.pay(business, token=one).json()["id"]
    assert box.stripe("/v1/account", token=other).json()["id"] == "acct_same"
    assert box.stripe(f"/v1/payment_intents/{intent}", token=other).status_code == 200
    assert box.stripe(f"/v1/payment_intents/{intent}").status_code == 404


def test_a_key_may_be_missing_revoked_or_without_a_scope(box: Box, business: str) -> None:
    token = f"sk_{business}"
    assert box.stripe("/v1/account", headers={"Authorization": ""}).status_code == 401
    box.order("/tenants", provider="stripe", token=token, forbidden=["/v1/refunds"])
    assert box.stripe("/v1/refunds", token=token).status_code == 403
    assert box.stripe("/v1/account", token=token).status_code == 200
    box.order("/tenants", provider="stripe", token=token, revoked=True)
    assert box.pay(business, token=token).json()["error"]["type"] == "invalid_request_error"
    assert box.effects(business) == []
    assert token not in box.journal.read_text()


@pytest.mark.parametrize(
    ("changes", "code", "param"),
    [
        ({"amount": ""}, "parameter_missing", "amount"),
        ({"amount": "12.5"}, "parameter_invalid_integer", "amount"),
        ({"amount": "0"}, "parameter_invalid_integer", "amount"),
        ({"currency": "gbq"}, None, "currency"),
        ({"colour": "red"}, "parameter_unknown", "colour"),
        ({"payment_method": "pm_never"}, "resource_missing", "payment_method"),
        ({"metadata[a]": "x" * 501}, None, "metadata"),
    ],
)
def test_what_is_wrong_is_refused_with_the_parameter_named(
    box: Box, business: str, changes: dict[str, str], code: str | None, param: str
) -> None:
    answer = box.pay(business, more=changes)

    assert answer.status_code == 400
    assert answer.json()["error"]["param"] == param
    assert answer.json()["error"].get("code") == code
    assert box.effects(business) == []


def test_json_is_not_a_form(box: Box) -> None:
    answer = box.stripe("/v1/payment_intents", json={"amount": 1}, headers={"Content-Type": "application/json"})

    assert answer.json()["error"]["type"] == "invalid_request_error"


def test_search_finds_by_metadata_and_not_before_its_lag(box: Box, business: str) -> None:
    def found(query: str) -> list[Any]:
        answer = box.stripe("/v1/payment_intents/search", params={"query": query})
        return [row["id"] for row in answer.json()["data"]]

    ours = f"metadata['lockgate_key']:'{business}'"
    box.order("/config", search_lag=3600)
    intent = box.pay(business).json()["id"]
    assert found(ours) == []
    listed = box.stripe("/v1/payment_intents", params={"limit": "1"}).json()["data"]
    assert [row["id"] for row in listed] == [intent], "a list does not lag"

    box.order("/config", search_lag=0)
    assert found(ours) == found(f"{ours} AND status:'succeeded'") == [intent]
    assert found(f"{ours} AND status:'canceled'") == []
    assert box.stripe("/v1/payment_intents/search", params={"query": "colour:'red'"}).status_code == 400
