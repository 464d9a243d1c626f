"""A provider that is down uses up no attempt, is asked by one probe at a time, and is not run over afterwards."""

import time
import tomllib
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
import redis
import tomli_w
from given.console import Console
from given.deployment import Deployment, eventually
from given.traffic import PAYMENT, ended_well, most_in_a_window, pay_many, requests_at

from demo.quick import write_quick_files
from ledger import breakers
from ledger.guard import Guard
from resilience.breaker import BreakerState
from resilience.clock import boottime
from resilience.permit import Permit, Refused
from resilience.traffic import Lane
from tasks.payments import create_customer, take_payment
from tasks.traffic import remember, sync_breakers

BURST = 200  # calls a second that the limit allows: more than four workers here can send


def outage(deployment: Deployment, **order: Any) -> str:
    return str(deployment.sandbox.control("POST", "/outage", **{"provider": "stripe", "mode": "503"} | order)["id"])


def lift(deployment: Deployment, outage_id: str) -> None:
    deployment.sandbox.control("DELETE", f"/outage/{outage_id}")


def moves(deployment: Deployment) -> list[tuple[str, str, int, float]]:
    """Every move of Stripe's breaker: before, after, trip, when."""
    with deployment.platform.ledger.connection() as connection:
        return connection.execute(
            "SELECT before, after, trip, extract(epoch FROM at)::float8 FROM lockgate.breaker_moves "
            "WHERE provider = 'stripe' ORDER BY id"
        ).fetchall()


def trips(deployment: Deployment) -> int:
    return max((move[2] for move in moves(deployment)), default=0)


def test_four_workers_probe_a_provider_that_is_down_once_in_each_open_period(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy(breaker__open_for="1s", breaker__open_for_max="1s")
    down = outage(deployment)
    waiting = pay_many("down", 100)
    for _ in range(4):
        deployment.worker()  # not even the account is known yet: asking for it is a call like any other
    eventually(lambda: trips(deployment) >= 3)
    flushed = time.time()
    flush(deployment)  # the breaker is a row; what Redis held was its copy
    eventually(lambda: trips(deployment) >= 7)
    opened = [at for _, after, _, at in moves(deployment) if after == "open"]
    calls = [event["at"] for event in requests_at(deployment.sandbox)]
    # The first period may still see calls that had their permit when it opened, and that of the flush a probe whose report
    # nobody could take; each other one ends with its one probe.
    periods = [(began, ended) for began, ended in pairwise(opened[1:]) if not began < flushed < ended][:4]
    assert [len([at for at in calls if began < at < ended]) for began, ended in periods] == [1, 1, 1, 1]
    lift(deployment, down)
    for result in waiting:
        deployment.ends(result.id)
    assert deployment.count("dead_letters") == 0


def test_an_outage_costs_as_many_calls_with_two_thousand_operations_behind_it_as_with_fifty(
    deploy: Callable[..., Deployment],
) -> None:
    """A minute of outage in seven seconds: the breaker's times are shortened with it, the attempts' are not."""
    deployment = deploy(
        limits=[{"calls": BURST, "per": "1s", "scope": ["tenant"]}],
        breaker__open_for="1s", breaker__open_for_max="2s", breaker__window="2s",
    )  # fmt: skip
    for _ in range(4):
        deployment.worker()
    pay_many("warm", 4)
    calls, done = {}, 4
    for backlog in (50, 2000):
        eventually(lambda done=done: ended_well(deployment) == done)  # type: ignore[misc]
        eventually(lambda: quiet_for(deployment, 2.5))  # the breaker's window holds no success of before
        before, down, first = len(requests_at(deployment.sandbox)), outage(deployment), trips(deployment)
        pay_many(f"backlog-{backlog}", backlog)
        eventually(lambda first=first: trips(deployment) >= first + 4)  # type: ignore[misc]  # 1 + 2 + 2 + 2 s
        lift(deployment, down)
        calls[backlog] = len(requests_at(deployment.sandbox)) - before
        last, done = trips(deployment), done + backlog
        eventually(lambda done=done: ended_well(deployment) == done)  # type: ignore[misc]
        assert trips(deployment) <= last + 1  # a probe may have met the outage's last moment; the drain opened nothing
    assert deployment.count("dead_letters") == 0
    assert calls[2000] <= calls[50] + 16  # what was under way in sixteen slots when it opened
    times = [event["mono"] for event in requests_at(deployment.sandbox)]
    assert most_in_a_window(times, 1.0) <= BURST
    charged = [
        effect["metadata"]["order_id"] for effect in deployment.sandbox.effects() if effect["effect"] == "charge"
    ]
    assert len(charged) == len(set(charged)) == 2054


@pytest.mark.nightly
@pytest.mark.parametrize("backlog", [1, 2000])
def test_a_whole_minute_of_outage_ends_nothing_and_is_not_followed_by_a_herd(
    deploy: Callable[..., Deployment], backlog: int
) -> None:
    """The same with the times of Stripe's own file: five attempts would be over in fifteen seconds."""
    deployment = deploy(
        limits=[{"calls": BURST, "per": "1s", "scope": ["tenant"]}], retry__delays=["0s", "1s", "2s", "4s", "8s"],
        breaker__open_for="10s", breaker__open_for_max="5m", breaker__window="10s", retry__give_up_after="24h",
    )  # fmt: skip
    for _ in range(4):
        deployment.worker()
    pay_many("warm", 4)
    eventually(lambda: ended_well(deployment) == 4)
    before, began, down = len(requests_at(deployment.sandbox)), time.monotonic(), outage(deployment)
    pay_many("backlog", backlog)
    eventually(lambda: time.monotonic() - began > 60, within=90, every=1.0)
    calls = len(requests_at(deployment.sandbox)) - before
    lift(deployment, down)
    assert calls <= 16 + 3 + 7  # under way in sixteen slots, what opens the breaker, and one probe in each period
    eventually(lambda: ended_well(deployment) == 4 + backlog, within=900)
    assert deployment.count("dead_letters") == 0
    assert most_in_a_window([event["mono"] for event in requests_at(deployment.sandbox)], 1.0) <= BURST


def quiet_for(deployment: Deployment, seconds: float) -> bool:
    return time.time() - requests_at(deployment.sandbox)[-1]["at"] > seconds


def test_the_only_operation_of_the_day_outlives_an_outage(deploy: Callable[..., Deployment]) -> None:
    """Its five attempts would be over in three seconds; the outage ends after its breaker has opened three times."""
    deployment = deploy(
        retry__delays=["0s", "200ms", "400ms", "800ms", "1600ms"], breaker__open_for="1s", breaker__open_for_max="2s"
    )
    down = outage(deployment, mode="refuse")
    deployment.worker()
    result = take_payment.delay(order_id="alone", **PAYMENT)
    eventually(lambda: trips(deployment) >= 4)
    assert deployment.state_of(result.id) in {"waiting", "calling"}
    lift(deployment, down)
    deployment.ends(result.id)
    assert deployment.count("dead_letters") == 0


def test_an_outage_that_leaves_every_call_in_doubt_charges_nobody_twice(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy(call__read="500ms", call__total="1s", call__connect="500ms", call__lease="2s")
    down = outage(deployment, mode="hang")
    results = pay_many("doubt", 12)
    deployment.worker()
    eventually(lambda: trips(deployment) >= 2)
    lift(deployment, down)
    for result in results:
        deployment.ends(result.id)
    charged = [
        effect["metadata"]["order_id"] for effect in deployment.sandbox.effects() if effect["effect"] == "charge"
    ]
    assert sorted(charged) == sorted(f"doubt-{number}" for number in range(12))


def test_a_brown_out_slows_everything_and_ends_nothing(deployment: Deployment) -> None:
    outage(deployment, mode="slow", latency=1.0)  # fifty times what a call takes here, and within its limits
    results = pay_many("slow", 12)
    deployment.worker()
    for result in results:
        deployment.ends(result.id)
    assert trips(deployment) == 0
    assert deployment.count("operations WHERE failures > 0") == 0


# ---- what a person ordered ----


def hold(deployment: Deployment, order: str) -> None:
    said = Console(deployment.environment).run("provider", "breaker", order, "stripe", "--because", "a drill")
    assert said.code == 0, said.err


@pytest.mark.parametrize(("left", "probes"), [("30 s", False), ("-1 s", True)])
def test_no_probe_is_let_in_beside_one_that_hung_when_redis_forgot_it(
    deploy: Callable[..., Deployment], left: str, *, probes: bool
) -> None:
    deployment = deploy(breaker__open_for="1s", breaker__open_for_max="1s")
    here, lane = deployment.platform, Lane("stripe", "default", "stripe.take_payment")
    pay_many("hung", 1)
    with here.ledger.connection() as connection:
        breakers.note(
            connection,
            "stripe",
            before=BreakerState.CLOSED,
            after=BreakerState.OPEN,
            trip=1,
            retry_in=0.001,
            worker="w",
        )
        connection.execute(
            "UPDATE lockgate.operations SET state = 'calling', lease_token = gen_random_uuid(), "
            "lease_until = statement_timestamp() + %s::interval",
            [left],
        )
        flush(deployment)
        here.ledger.secret  # noqa: B018  a new ledger gets its row
        guard = Guard(lease=60.0, settle=0.0, clock=boottime)
        eventually(lambda: remember(here, connection, guard.look(connection)) is not None)
    asked = here.admission.ask(lane, may_probe=True, lease=5.0)
    assert isinstance(asked, Permit) == probes
    if isinstance(asked, Refused):
        assert 0.0 < asked.wait <= here.registry.providers["stripe"].traffic.breaker.probe_life
        with here.ledger.connection() as connection:
            sync_breakers(here, connection)
            assert isinstance(here.admission.ask(lane, may_probe=True, lease=5.0), Refused)
            connection.execute(
                "UPDATE lockgate.operations SET state = 'waiting', lease_until = NULL, lease_token = NULL"
            )
            sync_breakers(here, connection)  # the call of before has ended, as the ledger knows
            assert isinstance(here.admission.ask(lane, may_probe=True, lease=5.0), Permit)
            sync_breakers(here, connection)  # and nobody comes beside the new one
            assert isinstance(here.admission.ask(lane, may_probe=True, lease=5.0), Refused)


def flush(deployment: Deployment) -> None:
    with redis.Redis.from_url(deployment.valkey.url) as client:
        client.flushall()


def admits_again(deployment: Deployment) -> bool:
    """Redis has its state back after a flush."""
    return (
        deployment.valkey is not None
        and redis.Redis.from_url(deployment.valkey.url).hget("{lockgate}:state", "phase") == b"open"
    )


def test_a_breaker_that_a_person_holds_open_stays_open_over_a_flush(deployment: Deployment) -> None:
    deployment.worker()
    deployment.ends(take_payment.delay(order_id="before", **PAYMENT).id)
    hold(deployment, "open")
    eventually(lambda: lane_holds(deployment))
    seen = len(requests_at(deployment.sandbox))
    held = pay_many("held", 5)
    flush(deployment)
    eventually(lambda: admits_again(deployment))
    eventually(lambda: lane_holds(deployment))
    assert len(requests_at(deployment.sandbox)) == seen
    assert {deployment.state_of(result.id) for result in held} == {"waiting"}
    hold(deployment, "release")
    for result in held:
        deployment.ends(result.id)


def lane_holds(deployment: Deployment) -> bool:
    """Redis's copy says that the breaker is held open."""
    with redis.Redis.from_url(deployment.valkey.url) as client:
        return client.hget("{lockgate}:breaker:stripe", "held") == b"open"


def test_a_breaker_that_a_person_holds_closed_does_not_open_over_a_flush(deployment: Deployment) -> None:
    deployment.worker()
    deployment.ends(take_payment.delay(order_id="before", **PAYMENT).id)
    hold(deployment, "close")
    down = outage(deployment)
    results = pay_many("insist", 3)
    eventually(lambda: len(requests_at(deployment.sandbox, path="/v1/payment_intents")) >= 4)
    flush(deployment)
    eventually(lambda: admits_again(deployment))
    seen = len(requests_at(deployment.sandbox))
    eventually(lambda: len(requests_at(deployment.sandbox)) >= seen + 3)  # it is called all the same
    assert trips(deployment) == 0
    lift(deployment, down)
    for result in results:
        deployment.ends(result.id)


def test_a_send_that_could_double_is_no_probe_while_anything_else_waits(
    deploy: Callable[..., Deployment], tmp_path: Path
) -> None:
    """Customers are of means X here, and were first; payments are of means K."""
    folder = write_quick_files(tmp_path / "both", breaker__open_for="1s", breaker__open_for_max="1s")
    content = tomllib.loads((folder / "stripe.toml").read_text())
    content["kinds"]["create_customer"] = {"means": "X"}
    (folder / "stripe.toml").write_text(tomli_w.dumps(content))
    deployment = deploy({"LOCKGATE_PROVIDERS": str(folder)})
    deployment.worker()
    deployment.ends(take_payment.delay(order_id="before", **PAYMENT).id)
    down = outage(deployment, mode="refuse")  # nothing can be in doubt, so X may be tried again
    customers = [create_customer.delay(customer_id=f"c-{number}") for number in range(3)]
    eventually(lambda: trips(deployment) >= 1)
    payments = pay_many("safe", 2)
    began = trips(deployment) + 1  # the next probe may have been chosen before the payments were there
    eventually(lambda: trips(deployment) >= began + 3)
    with deployment.platform.ledger.connection() as connection:
        probes = connection.execute(
            "SELECT DISTINCT l.kind FROM lockgate.attempts a JOIN lockgate.lanes l ON l.id = a.lane_id WHERE a.started_at > "
            "(SELECT at FROM lockgate.breaker_moves WHERE trip = %s AND after = 'open')",
            [began],
        ).fetchall()
    assert probes == [("stripe.take_payment",)]
    lift(deployment, down)
    for result in [*payments, *customers]:
        deployment.ends(result.id)
