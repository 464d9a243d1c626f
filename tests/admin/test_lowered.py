"""A person lowers a provider's limit for a while: every worker obeys at once, by the provider's own clock."""

from collections.abc import Callable
from datetime import datetime

import pytest
import redis
from given.console import Console
from given.deployment import Deployment, eventually
from given.nowhere import NOWHERE
from given.traffic import ended_well, most_in_a_window, pay_many, requests_at

LIMITS = [{"calls": 40, "per": "1s", "scope": ["tenant"]}]
BECAUSE = ("--because", "they asked us to be gentle")
SOON = 2.0  # seconds in which every worker obeys


def times(deployment: Deployment) -> list[float]:
    return [event["mono"] for event in requests_at(deployment.sandbox)]


def test_it_holds_for_all_workers_within_two_seconds_also_when_redis_is_flushed_and_ends_when_it_is_lifted(
    deploy: Callable[..., Deployment],
) -> None:
    deployment = deploy(limits=LIMITS)
    console = Console(deployment.environment | {"LOCKGATE_ACTOR": "ann"})
    pay_many("many", 400)
    for _ in range(2):
        deployment.worker()
    eventually(lambda: ended_well(deployment) >= 40)
    said = console.json("provider", "limit", "lower", "stripe", "--calls", "8", "--for", "1h", *BECAUSE)
    assert (said["calls"], said["per"]) == (8, 1.0)
    lowered = times(deployment)[-1]
    known = ended_well(deployment)
    eventually(lambda: ended_well(deployment) >= known + 40)
    with redis.Redis.from_url(deployment.valkey.url) as client:
        client.flushall()
    eventually(lambda: ended_well(deployment) >= known + 80)
    assert "8 in 1 s, lowered by ann until" in console.run("provider", "status", "stripe").out
    lifting = times(deployment)[-1]
    assert console.run("provider", "limit", "lift", "stripe", "--because", "they are well").code == 0
    pay_many("after", 100)  # on a slow machine little may be left of the others
    eventually(lambda: ended_well(deployment) == 500)

    seen = times(deployment)
    while_lowered = [time for time in seen if lowered + SOON < time <= lifting]
    assert len(while_lowered) > 40
    assert most_in_a_window(while_lowered, 1.0) <= 8
    assert most_in_a_window([time for time in seen if time < lowered], 1.0) > 8, "before it was faster"
    assert most_in_a_window([time for time in seen if time > lifting], 1.0) > 8, "and after it"
    assert deployment.count("operations WHERE failures > 0") == 0
    actions = "action = 'limit lower' AND after ->> 'calls' = '8' OR action = 'limit lift'"
    assert deployment.count(f"audit WHERE actor = 'ann' AND ({actions})") == 2


def test_it_ends_by_itself(deployment: Deployment, console: Console) -> None:
    said = console.json("provider", "limit", "lower", "stripe", "--calls", "1", "--per", "20s", "--for", "4s", *BECAUSE)
    assert datetime.fromisoformat(said["ends_at"]).tzinfo is not None
    pay_many("some", 20)
    deployment.worker()
    eventually(lambda: console.json("provider", "status", "stripe")[0]["lowered"] == [])
    eventually(lambda: ended_well(deployment) == 20)
    assert most_in_a_window(times(deployment), 20.0) > 1


def test_an_order_is_taken_while_redis_is_away_and_a_later_one_takes_its_place(
    deployment: Deployment, console: Console
) -> None:
    away = {"LOCKGATE_REDIS_URL": f"redis://{NOWHERE}/0"}
    first = console.run("provider", "limit", "lower", "stripe", "--calls", "9", "--for", "1h", *BECAUSE, **away)
    assert (first.code, "sweep tells it" in first.err) == (0, True)
    console.json("provider", "limit", "lower", "stripe", "--calls", "3", "--per", "1m", "--for", "2h", *BECAUSE)
    (one,) = console.json("provider", "status", "stripe")[0]["lowered"]
    assert (one["limit"]["calls"], one["limit"]["per"], one["by"]) == (3, 60.0, "ann")
    assert deployment.count("audit WHERE before -> 'lowered' -> 0 ->> 'calls' = '9'") == 1


@pytest.mark.parametrize(
    ("words", "sentence"),
    [
        (("--calls", "100", "--tenant", "acme", "--for", "1h"), "would lower nothing: stripe is limited to 100 in 1 s"),
        (("--calls", "2", "--per", "2h", "--for", "1h"), "shorter than an hour"),
        (("--calls", "2", "--for", "30d"), "for a week at most"),
        (("--calls", "2", "--for", "soon"), "write a number with one of ms, s, m, h, d"),
        (("--calls", "0", "--for", "1h"), "0 is not in the range"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(
    deployment: Deployment, console: Console, words: tuple[str, ...], sentence: str
) -> None:
    said = console.run("provider", "limit", "lower", "stripe", *words, *BECAUSE)
    assert said.code in {1, 2}
    assert sentence in said.err
    assert deployment.count("lowered") == 0


def test_what_is_not_lowered_cannot_be_lifted(console: Console) -> None:
    said = console.run("provider", "limit", "lift", "stripe", *BECAUSE)
    assert (said.code, "no limit of stripe is lowered" in said.err) == (1, True)
