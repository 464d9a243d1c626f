"""Hints that wait together are claimed together, and each is still carried out once and on its own."""

import signal
from collections.abc import Callable
from typing import Any

import pytest
import redis
from celery.result import AsyncResult
from given.deployment import Deployment, Worker, eventually
from given.orders import order
from given.payments import charges, pay

from ledger.claim import Claimed
from tasks import company, delivery, hint
from tasks.current import declining
from tasks.mail import send_email
from tasks.payments import take_payment

Deploy = Callable[..., Deployment]
PLENTY = {"limits": [{"calls": 5000, "per": "1s"}], "traffic__calls_per_minute": 60_000}
_MANY = 40
POST = {"method": "POST", "path_prefix": "/v1/payment_intents"}


def largest_company(deployment: Deployment) -> int:
    """How many claims were made in one transaction."""
    with deployment.platform.ledger.connection() as connection:
        row = connection.execute(
            "SELECT max(n) FROM (SELECT count(*) AS n FROM lockgate.attempts GROUP BY xmin::text) AS companies"
        ).fetchone()
    assert row is not None
    return int(row[0])


def worker_with_a_backlog(deployment: Deployment, name: str) -> tuple[Worker, list[AsyncResult]]:
    """A worker that knows its account, and finds many hints at once."""
    worker = deployment.worker(concurrency=16)
    deployment.ends(pay(f"{name}-first").id)
    worker.freeze()
    results = [pay(f"{name}-{number}") for number in range(_MANY)]
    worker.signal(signal.SIGCONT)
    return worker, results


def test_what_waits_is_claimed_together_and_paid_once_each(deploy: Deploy) -> None:
    deployment = deploy(**PLENTY)
    _, results = worker_with_a_backlog(deployment, "together")
    for result in results:
        deployment.ends(result.id)
    assert [len(charges(deployment, f"together-{number}")) for number in range(_MANY)] == [1] * _MANY
    assert deployment.count("attempts") == _MANY + 1
    assert largest_company(deployment) > 1


@pytest.mark.usefixtures("deployment")
def test_only_what_may_be_sent_twice_and_was_never_lost_has_company() -> None:
    ordinary: dict[str, Any] = {"tenant": "default"}
    assert company.welcomes(take_payment, {hint.HEADER: ordinary})
    assert not company.welcomes(send_email, {hint.HEADER: ordinary})
    for word in ("probe", "alone", "lapsed"):
        assert not company.welcomes(take_payment, {hint.HEADER: ordinary | {word: True}})
    assert not company.welcomes(take_payment, {hint.HEADER: ordinary | {"v": hint.VERSION + 1}})


def test_nobody_is_called_while_several_are_begun(deploy: Deploy) -> None:
    """Whose account is not known yet is begun alone: a provider that hangs on that question holds up its own."""
    deployment = deploy(**PLENTY)
    deliveries = [
        (take_payment, pay(f"unasked-{number}").id, {hint.HEADER: {"tenant": "default"}}) for number in range(3)
    ]
    company.begin(deliveries)
    assert deployment.sandbox.events("request") == []
    assert [company.take(ticket) for _, ticket, _ in deliveries] == [None] * 3
    assert deployment.count("attempts") == 0


def test_a_worker_killed_with_a_hand_full_of_claims_charges_nobody_twice(deploy: Deploy) -> None:
    deployment = deploy(**PLENTY, call__lease="8s", call__total="3s", call__read="3s", retry__delays=["100ms"] * 8)
    deployment.sandbox.control("POST", "/config", latency=0.05)
    worker, results = worker_with_a_backlog(deployment, "killed")
    eventually(lambda: deployment.count("operations WHERE state = 'calling'") > 8, every=0.01)
    worker.kill()
    assert deployment.count("operations WHERE state = 'calling'") > 4, "it died with claims in its hands"
    assert largest_company(deployment) > 1
    deployment.worker(concurrency=4)
    for result in results:
        deployment.ends(result.id)
    assert [len(charges(deployment, f"killed-{number}")) for number in range(_MANY)] == [1] * _MANY


def test_one_call_that_hangs_holds_up_none_of_those_that_were_claimed_with_it(deploy: Deploy) -> None:
    deployment = deploy(**PLENTY, call__lease="1200s", call__total="600s", call__read="600s", retry__give_up_after="1h")
    worker = deployment.worker(concurrency=16)
    deployment.ends(pay("held-up-first").id)
    deployment.sandbox.fault("F03", match=POST, times=1)
    worker.freeze()
    results = [pay(f"held-up-{number}") for number in range(_MANY)]
    worker.signal(signal.SIGCONT)
    eventually(lambda: deployment.count("operations WHERE state = 'succeeded'") == _MANY)
    states = [deployment.state_of(result.id) for result in results]
    assert states.count("calling") == 1


def test_one_that_cannot_be_read_leaves_the_others_alone(deploy: Deploy) -> None:
    deployment = deploy(**PLENTY)
    results = [pay(f"unreadable-{number}") for number in range(12)]
    with deployment.platform.ledger.connection() as connection:
        connection.execute(
            "UPDATE lockgate.bodies SET sealed = '\\x00' WHERE operation_id = "
            "(SELECT operation_id FROM lockgate.tickets WHERE id = %s)",
            [results[5].id],
        )
    deployment.worker(concurrency=1)
    for number, result in enumerate(results):
        if number != 5:
            deployment.ends(result.id)
    assert charges(deployment, "unreadable-5") == []


def test_hints_that_travel_together_are_carried_out_once_each_and_seen_by_their_own_names(deploy: Deploy) -> None:
    deployment = deploy(**PLENTY)
    verdicts = take_payment.accept_many([order(f"bundled-{number}") for number in range(_MANY)])
    with redis.Redis.from_url(deployment.valkey.url) as client:
        assert 0 < client.llen("stripe") < _MANY / 2
    worker = deployment.worker("-E", concurrency=4)  # somebody listens
    for verdict in verdicts:
        assert verdict.ticket_id is not None
        deployment.ends(verdict.ticket_id)
    assert [len(charges(deployment, f"bundled-{number}")) for number in range(_MANY)] == [1] * _MANY
    assert deployment.count("attempts") == _MANY
    log = worker.log.read_text()
    assert all(f"{take_payment.name}[{verdict.ticket_id}] succeeded" in log for verdict in verdicts)


def test_a_bundle_that_dies_with_its_worker_is_hinted_at_again(deploy: Deploy) -> None:
    deployment = deploy(**PLENTY, call__lease="8s", call__total="3s", call__read="3s", retry__delays=["100ms"] * 8)
    deployment.sandbox.control("POST", "/config", latency=1.0)
    verdicts = take_payment.accept_many([order(f"dropped-{number}") for number in range(_MANY)])
    worker = deployment.worker(concurrency=2)
    eventually(lambda: deployment.count("operations WHERE state = 'calling'") > 0, every=0.01)
    worker.kill()
    deployment.sandbox.control("POST", "/config", latency=0.0)
    deployment.worker(concurrency=4)
    for verdict in verdicts:
        assert verdict.ticket_id is not None
        deployment.ends(verdict.ticket_id)
    assert [len(charges(deployment, f"dropped-{number}")) for number in range(_MANY)] == [1] * _MANY


def test_what_one_thread_has_claimed_is_called_though_another_finds_nothing_to_claim(deploy: Deploy) -> None:
    deployment = deploy(**PLENTY)
    worker = deployment.worker()
    deployment.ends(pay("twice-before").id)  # from here on the account is known
    worker.end()
    results = [pay(f"twice-{number}") for number in range(3)]
    deliveries = [(take_payment, result.id, {hint.HEADER: {"tenant": "default"}}) for result in results]
    company.begin(deliveries)
    company.begin(deliveries)  # the same hints again, in another thread's hand
    begun = [company.take(result.id) for result in results]
    assert [isinstance(one.claimed, Claimed) if one else one for one in begun] == [True] * 3
    for one in begun:
        assert one is not None
        assert one.permit is not None
        assert isinstance(one.claimed, Claimed)
        one.attempt.abandon(one.claimed, one.permit)


def test_what_is_put_off_is_handed_back_unsent_and_hinted_at_again_in_a_while(deploy: Deploy) -> None:
    deployment = deploy(**PLENTY)
    worker = deployment.worker()
    deployment.ends(pay("put-off-before").id)  # from here on the account is known
    worker.kill()
    results = [pay(f"put-off-{number}") for number in range(3)]
    company.begin([(take_payment, result.id, {hint.HEADER: {"tenant": "default"}}) for result in results[:2]])
    assert [deployment.state_of(result.id) for result in results] == ["calling", "calling", "waiting"]
    company.put_off([result.id for result in results[1:]], 1000.0)
    assert [deployment.state_of(result.id) for result in results] == ["calling", "waiting", "waiting"]
    later = "due_at > statement_timestamp() + interval '900 seconds', hinted_at IS NULL"
    assert [deployment.row(later, result.id) for result in results[1:]] == [(True, True), (True, True)]
    assert company.take(results[0].id) is not None
    assert company.take(results[1].id) is None
    assert deployment.row("failures", results[1].id) == 0


@pytest.mark.usefixtures("deployment")
def test_a_thread_that_declines_asks_nobody_and_leaves_alone_what_is_claimed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(delivery, "_begin", lambda *_: pytest.fail("it asked"))
    with declining():
        assert delivery.in_silence(take_payment, "t-1", {hint.HEADER: {"tenant": "default"}}) is None
    with pytest.raises(pytest.fail.Exception, match="it asked"):
        delivery.in_silence(take_payment, "t-1", {hint.HEADER: {"tenant": "default"}})
