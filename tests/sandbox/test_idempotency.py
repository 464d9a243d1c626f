from concurrent.futures import ThreadPoolExecutor

import pytest

from .running import Box, until


def test_the_same_key_gives_the_first_answer_again(box: Box, business: str) -> None:
    first, again = box.pay(business, key=business), box.pay(business, key=business)

    assert again.content == first.content
    assert again.headers["Idempotent-Replayed"] == "true"
    assert "Idempotent-Replayed" not in first.headers
    assert again.headers["Request-Id"] != first.headers["Request-Id"]
    assert len(box.effects(business)) == 1


def test_the_same_key_with_another_body_is_refused_and_keeps_its_answer(box: Box, business: str) -> None:
    first = box.pay(business, key=business)
    other = box.pay(business, key=business, more={"amount": "1100"})

    assert (other.status_code, other.json()["error"]["type"]) == (400, "idempotency_error")
    assert other.json()["error"]["message"].startswith("Keys for idempotent requests can only be used with the same")
    assert box.pay(business, key=business).content == first.content
    assert len(box.effects(business)) == 1


def test_a_decline_is_kept_under_the_key(box: Box, business: str) -> None:
    first, again = (box.pay(business, "pm_card_chargeDeclined", key=business) for _ in range(2))

    assert (first.status_code, again.status_code) == (402, 402)
    assert again.content == first.content
    assert len(box.effects(business)) == 1


@pytest.mark.parametrize(("fault", "effects"), [("F08", 0), ("F09", 1)])
def test_a_500_is_kept_under_the_key_for_ever(box: Box, business: str, fault: str, effects: int) -> None:
    box.order("/faults", fault=fault, times=1, match={"business": business})
    answers = [box.pay(business, key=business) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [500, 500, 500]
    assert [answer.headers.get("Idempotent-Replayed") for answer in answers] == [None, "true", "true"]
    assert len(box.effects(business)) == effects


def test_a_refused_parameter_is_not_kept(box: Box, business: str) -> None:
    assert box.pay(business, key=business, more={"amount": "x"}).status_code == 400
    assert box.pay(business, key=business).status_code == 200


def test_401_and_429_are_in_front_of_the_keys(box: Box, business: str) -> None:
    token = f"sk_{business}"
    box.order("/tenants", provider="stripe", token=token, revoked=True)
    assert box.pay(business, key=business, token=token).status_code == 401
    box.order("/tenants", provider="stripe", token=token, revoked=False)
    limit = box.order("/limits", provider="stripe", scope="tenant", calls=1, per=3600)
    box.stripe("/v1/account", token=token)
    assert box.pay(business, key=business, token=token).status_code == 429
    box.order(f"/limits/{limit['id']}", "DELETE")
    assert box.pay(business, key=business, token=token).status_code == 200


def test_a_key_under_execution_answers_409(box: Box, business: str) -> None:
    box.order("/config", latency=1)
    with ThreadPoolExecutor() as threads:
        first = threads.submit(box.pay, business, key=business)
        until(lambda: box.events("request", business=business))
        second = box.pay(business, key=business)
        assert first.result().status_code == 200

    assert (second.status_code, second.json()["error"]["code"]) == (409, "idempotency_key_in_use")
    assert len(box.effects(business)) == 1


def test_a_key_belongs_to_its_account(box: Box, business: str) -> None:
    assert box.pay(business, key=business).status_code == 200
    assert "Idempotent-Replayed" not in box.pay(business, key=business, token="sk_test_two").headers
    assert len(box.effects(business)) == 2


def test_a_forgotten_key_acts_again(box: Box, business: str) -> None:
    box.pay(business, key=business)
    box.order("/config", key_retention=0)
    box.pay(business, key=business)
    box.order("/config", key_retention=86400)
    box.order("/faults", fault="F25", times=1, match={"business": business})
    box.pay(business, key=business)
    box.order("/keys", "DELETE")
    box.pay(business, key=business)
    assert len(box.effects(business)) == 4
    assert box.pay(business, key=business).headers["Idempotent-Replayed"] == "true"
    assert box.pay(business, key="k" * 256).status_code == 400
