"""The provider never sees more than its limits, by its own clock, whatever happens to Redis."""

from collections.abc import Callable
from email.utils import parsedate_to_datetime
from itertools import pairwise

import redis
import requests
from given.deployment import Deployment, eventually
from given.traffic import PAYMENT, ended_well, most_in_a_window, pay_many, requests_at

from tasks.payments import take_payment

LIMITS = [
    {"calls": 30, "per": "1s", "scope": ["tenant"]},
    {"calls": 100, "per": "5s", "scope": ["tenant"]},
    {"concurrent": 6, "scope": ["tenant"]},
]


def flush(deployment: Deployment) -> None:
    with redis.Redis.from_url(deployment.valkey.url) as client:
        client.flushall()


def test_four_workers_never_pass_a_limit_in_any_window_also_when_redis_is_flushed(
    deploy: Callable[..., Deployment],
) -> None:
    deployment = deploy(limits=LIMITS)
    deployment.sandbox.control("POST", "/config", latency=0.1)  # or six at once would never be reached
    pay_many("many", 250)
    for _ in range(4):
        deployment.worker()
    for done in (60, 130):
        eventually(lambda done=done: ended_well(deployment) >= done)  # type: ignore[misc]
        flush(deployment)
    eventually(lambda: ended_well(deployment) == 250)
    seen = requests_at(deployment.sandbox)
    times = [event["mono"] for event in seen]
    assert most_in_a_window(times, 1.0) <= 30
    assert most_in_a_window(times, 5.0) <= 100
    assert max(event["concurrent"][1] for event in seen) <= 6
    assert most_in_a_window(times, 5.0) > 50  # the backlog pressed against the limit, or this shows nothing
    assert len([event for event in seen if event["path"] == "/v1/payment_intents"]) == 250
    assert len([effect for effect in deployment.sandbox.effects() if effect["effect"] == "charge"]) == 250


def test_a_429_with_a_date_is_obeyed_and_uses_up_no_attempt(deployment: Deployment) -> None:
    deployment.sandbox.fault("F11", form="date", match={"path_prefix": "/v1/payment_intents"}, times=2)
    deployment.worker()
    result = take_payment.delay(order_id="dated", **PAYMENT)
    deployment.ends(result.id)
    met = requests_at(deployment.sandbox, path="/v1/payment_intents")
    said = [event for event in deployment.sandbox.events("answer") if event["request"] in {one["seq"] for one in met}]
    assert [event["status"] for event in said] == [429, 429, 200]
    for refused, next_try in zip(said[:2], met[1:], strict=True):
        # A date has whole seconds, and is taken by the provider's own: three seconds may be two and a bit.
        assert next_try["at"] - refused["at"] >= 2.0
    assert deployment.row("failures, fence", result.id) == (0, 3)


def test_the_longest_wait_that_makes_sense_is_what_a_nonsensical_one_comes_to(deployment: Deployment) -> None:
    for form in ("negative", "past", "zero"):
        deployment.sandbox.fault("F11", form=form, match={"path_prefix": "/v1/payment_intents"}, times=1)
    deployment.worker()
    result = take_payment.delay(order_id="absurd", **PAYMENT)
    deployment.ends(result.id)
    met = requests_at(deployment.sandbox, path="/v1/payment_intents")
    assert len(met) == 4
    assert all(later["mono"] - sooner["mono"] >= 0.9 for sooner, later in pairwise(met))
    assert deployment.row("failures", result.id) == 0


def test_a_storm_of_429s_on_one_tenant_delays_no_other(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy({"LOCKGATE_STRIPE_API_KEY__ACME": "sk_test_acme"})
    acme = deployment.sandbox.control("POST", "/tenants", provider="stripe", token="sk_test_acme")["tenant"]
    storm = deployment.sandbox.control("POST", "/outage", provider="stripe", mode="429", tenant=acme)
    stormed = pay_many("acme", 8, tenant="acme")
    deployment.worker()
    eventually(lambda: len(requests_at(deployment.sandbox, tenant=acme)) >= 2)
    free = pay_many("free", 8)
    for result in free:
        deployment.ends(result.id)
    assert deployment.count("operations WHERE state = 'waiting'") == 8
    assert deployment.count("operations WHERE failures > 0") == 0
    deployment.sandbox.control("DELETE", f"/outage/{storm['id']}")
    for result in stormed:
        deployment.ends(result.id)
    calls = requests_at(deployment.sandbox, tenant=acme)
    refused = {event["request"] for event in deployment.sandbox.events("answer") if event.get("status") == 429}
    assert len([call for call in calls if call["seq"] in refused]) <= 12  # a storm is not answered with one
    assert deployment.count("dead_letters") == 0


def test_an_http_date_is_what_the_sandbox_says(deployment: Deployment) -> None:
    """The drill above would pass by chance if the date were left out."""
    deployment.sandbox.fault("F11", form="date", times=1)
    answer = requests.get(
        f"{deployment.sandbox.urls['stripe']}/v1/account", headers={"Authorization": "Bearer x"}, timeout=5
    )
    asked = parsedate_to_datetime(answer.headers["Retry-After"]) - parsedate_to_datetime(answer.headers["Date"])
    assert 2.0 <= asked.total_seconds() <= 4.0
