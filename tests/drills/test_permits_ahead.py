"""Permits that workers took ahead of their calls: fewer questions to Redis, and none is used once the provider is down."""

from collections.abc import Callable
from itertools import pairwise
from typing import Any

from given.deployment import Deployment, eventually
from given.traffic import ended_well, pay_many, requests_at

_WIDE = [{"calls": 10_000, "per": "1s", "scope": ["tenant"]}]
_UNDER_WAY = 0.5  # seconds after which nothing arrives that was permitted before: a permit's life, and the way


def scripts(deployment: Deployment) -> int:
    """How many scripts Redis has run."""
    found: Any = deployment.platform.redis.info("commandstats")
    return int(found["cmdstat_evalsha"]["calls"])


def opened(deployment: Deployment) -> list[float]:
    """When Stripe's breaker opened, each time."""
    with deployment.platform.ledger.connection() as connection:
        rows = connection.execute(
            "SELECT extract(epoch FROM at)::float8 FROM lockgate.breaker_moves "
            "WHERE provider = 'stripe' AND after = 'open' ORDER BY id"
        ).fetchall()
    return [at for (at,) in rows]


def test_few_questions_are_asked_and_a_provider_that_is_down_is_left_alone(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy(limits=_WIDE, breaker__open_for="3s", breaker__open_for_max="3s")
    pay_many("quick", 600)
    for _ in range(2):
        deployment.worker()
    before = scripts(deployment)
    eventually(lambda: ended_well(deployment) == 600)
    assert scripts(deployment) - before < 0.3 * 600  # two for each that comes alone, and 0.4 in the best company
    pay_many("on", 1500)
    eventually(lambda: ended_well(deployment) > 700)
    down = deployment.sandbox.control("POST", "/outage", provider="stripe", mode="503")["id"]
    eventually(lambda: len(opened(deployment)) >= 3)
    calls = [event["at"] for event in requests_at(deployment.sandbox)]
    periods = list(pairwise(opened(deployment)))[:2]
    assert [len([at for at in calls if began + _UNDER_WAY < at < ended]) for began, ended in periods] == [1, 1]
    deployment.sandbox.control("DELETE", f"/outage/{down}")
    eventually(lambda: ended_well(deployment) == 2100)
    assert deployment.count("dead_letters") == 0
    charges = [one["metadata"]["order_id"] for one in deployment.sandbox.effects() if one["effect"] == "charge"]
    assert len(charges) == len(set(charges)) == 2100
