"""The sweep: in every worker, flooding nothing, starving nobody, and replaced when it dies.

The design speaks of ten thousand hints; a thousand fit into every run of the tests.
"""

import json
import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import pairwise
from typing import Any

import pytest
import redis
from given.deployment import Deployment, Worker, eventually
from given.hints import hinted
from given.payments import mail, pay, payment
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from config.settings import credential_name
from tasks import bundle
from tasks.accepting import accept_in
from tasks.crowd import Crowd
from tasks.payments import create_customer, take_payment
from tasks.sweep import WINDOW, Sweep

Deploy = Callable[..., Deployment]
PLENTY = {"limits": [{"calls": 5000, "per": "1s"}], "traffic__calls_per_minute": 60_000}


def waiting(deployment: Deployment, queue: str = "stripe") -> list[str]:
    """The tickets whose hints Redis holds."""
    with redis.Redis.from_url(deployment.valkey.url) as client:
        return hinted(client, queue)


def looks(deployment: Deployment, number: int) -> None:
    """Wait until the sweep has looked so often; each look that holds a lane back renews its pace."""
    seen: set[Any] = set()

    def enough() -> bool:
        with deployment.platform.ledger.connection() as connection:
            seen.update(connection.execute("SELECT max(paced_until)::text FROM lockgate.lanes").fetchall())
        return len(seen) > number

    eventually(enough)


def epoch(deployment: Deployment) -> int:
    with deployment.platform.ledger.connection() as connection:
        row = connection.execute("SELECT hint_epoch FROM lockgate.ledger").fetchone()
    assert row is not None
    return int(row[0])


@contextmanager
def transaction(deployment: Deployment, *, of_the_caller: bool) -> Iterator[None]:
    """Accept in a transaction of the caller's, or just so."""
    if not of_the_caller:
        yield
        return
    engine = create_engine(deployment.settings.database_url.replace("postgresql://", "postgresql+psycopg://"))
    with Session(engine) as session, session.begin(), accept_in(session):
        yield
    engine.dispose()


def test_callers_do_not_fill_redis_while_no_worker_is_up(deploy: Deploy) -> None:
    deployment = deploy(**PLENTY)
    deployment.platform.crowd.enough = 20
    tickets = [pay(f"9111-{number}").id for number in range(60)]
    many = [take_payment.accept_many([payment(f"9112-{call}-{number}") for number in range(30)]) for call in range(5)]
    tickets += [one.result.id for verdicts in many for one in verdicts]
    assert 20 <= len(waiting(deployment)) <= 50  # what one call for thirty may add to nineteen
    deployment.worker()
    for ticket in tickets:
        deployment.ends(ticket)


@pytest.mark.parametrize("of_the_caller", [False, True])
def test_a_long_queue_that_nobody_takes_from_holds_no_more_than_the_window(
    deploy: Deploy, *, of_the_caller: bool
) -> None:
    deployment = deploy(limits=[])
    deployment.worker("-Q", "postmark")
    eventually(lambda: epoch(deployment) == 1)
    with transaction(deployment, of_the_caller=of_the_caller):
        take_payment.accept_many([payment(f"9001-{number}") for number in range(3000)])
    looks(deployment, 6)
    found = waiting(deployment)
    assert len(set(found)) == WINDOW
    # A caller's transaction that stays open for seconds commits rows whose hints seem lost, right before it publishes these:
    # then each is in Redis twice, and the second finds nothing to do.
    assert len(found) <= (2 if of_the_caller else 1) * WINDOW
    assert deployment.count("operations WHERE hinted_at IS NOT NULL") == WINDOW


def test_three_sweeps_hint_as_one_and_whoever_dies_is_replaced(deploy: Deploy) -> None:
    deployment = deploy(limits=[])
    workers = [deployment.worker("-Q", "postmark", concurrency=1) for _ in range(3)]
    eventually(lambda: epoch(deployment) == 1)
    take_payment.accept_many([payment(f"9002-{number}") for number in range(1500)])
    with redis.Redis.from_url(deployment.valkey.url) as client:
        for worker in (*workers[:2], None):
            looks(deployment, 3)
            found = waiting(deployment)
            assert len(found) == len(set(found)) == WINDOW
            if worker is not None:
                worker.kill()  # one of these two deaths at least leaves nobody in doubt about its successor
                before = epoch(deployment)
                client.flushall()
                eventually(lambda before=before: epoch(deployment) == before + 1)
                eventually(lambda: len(waiting(deployment)) == WINDOW)


def made_by(deployment: Deployment, worker: Worker) -> int:
    return deployment.count(f"attempts WHERE worker LIKE '%:{worker.process.pid}:%'")


def test_a_worker_that_is_stuck_hoards_no_more_than_one_message(deploy: Deploy) -> None:
    deployment = deploy(**PLENTY)
    stuck = deployment.worker(concurrency=4)
    working = deployment.worker(concurrency=4)
    stuck.freeze()
    take_payment.accept_many([payment(f"9003-{number}") for number in range(1000)])
    eventually(lambda: waiting(deployment) == [])
    held = deployment.count("operations WHERE state = 'waiting' AND hinted_at IS NOT NULL")
    # One message that its socket took when it stopped, and what the other one has just taken: four hints ahead for each of
    # four slots at most, and twice that with the last message.
    assert held <= bundle.MOST + 2 * 4 * 4
    eventually(lambda: deployment.count("operations WHERE state = 'succeeded'") == 1000)
    assert made_by(deployment, working) >= 900
    stuck.signal(signal.SIGCONT)
    stuck.end()
    assert deployment.count("operations WHERE state = 'succeeded'") == len(deployment.sandbox.effects())


def test_a_worker_whose_slots_all_wait_for_a_provider_leaves_the_hints_to_others(deploy: Deploy) -> None:
    deployment = deploy(call__total="30s", call__read="30s", call__lease="60s", **PLENTY)
    deployment.sandbox.fault("F03", times=3, match={"method": "POST"})
    busy = deployment.worker(concurrency=3)
    for number in range(3):
        pay(f"9004-hung-{number}")
    eventually(lambda: deployment.count("operations WHERE state = 'calling'") == 3)
    working = deployment.worker(concurrency=4)
    take_payment.accept_many([payment(f"9004-{number}") for number in range(300)])
    eventually(lambda: deployment.count("operations WHERE state = 'succeeded'") == 300)
    assert made_by(deployment, working) >= 300 - 4 * 3
    assert made_by(deployment, busy) == 3


def test_tenants_who_share_a_limit_that_is_too_small_for_all_take_turns(deploy: Deploy) -> None:
    tenants, each = [f"tenant{number:02}" for number in range(24)], 10
    keys = {credential_name("stripe", "api_key", tenant): f"sk_test_{tenant}" for tenant in tenants}
    deployment = deploy(keys, limits=[{"calls": 20, "per": "1s", "scope": []}])
    deployment.platform.crowd = Crowd(lambda _: 0, enough=0, clock=lambda: 0.0)
    deployment.platform.crowd.saw("stripe", 0)  # so that callers leave all hints to the sweep
    for tenant in tenants:  # one tenant's backlog after the other's, as a night's batch comes
        take_payment.accept_many([payment(f"9007-{tenant}-{number}", tenant=tenant) for number in range(each)])
    deployment.worker()
    ended = "operations WHERE state = 'succeeded'"
    eventually(lambda: deployment.count(ended) >= 4 * len(tenants))
    with deployment.platform.ledger.connection() as connection:
        done = connection.execute(f"SELECT tenant, count(*) FROM lockgate.{ended} GROUP BY tenant").fetchall()
    # Refusals hit whom they hit, so one or two may have none yet. In the order of their names nine would have none.
    assert len(done) >= len(tenants) - 4, sorted(done)


def test_a_queue_without_a_worker_starves_nobody(deploy: Deploy) -> None:
    deployment = deploy(**PLENTY)
    take_payment.accept_many([payment(f"9005-{number}") for number in range(1500)])
    deployment.worker("-Q", "postmark")
    results = [mail(f"9005-{number}") for number in range(20)]
    for result in results:
        deployment.ends(result.id)
    assert deployment.count("operations WHERE state = 'waiting'") == 1500


@pytest.mark.parametrize("behind", [0.0, 600.0], ids=["right clocks", "a caller ten minutes behind"])
def test_a_hint_that_died_with_its_worker_is_missed_although_the_queue_is_never_empty(
    deployment: Deployment, behind: float
) -> None:
    sweep = Sweep()
    eventually(lambda: sweep.tick() or epoch(deployment) == 1)
    with pytest.MonkeyPatch.context() as patch:
        right = time.time
        patch.setattr(time, "time", lambda: right() - behind)
        for number in range(10):
            pay(f"9006-{number}")
    with redis.Redis.from_url(deployment.valkey.url) as client, deployment.platform.ledger.connection() as connection:
        lost = [json.loads(client.rpop("stripe"))["headers"]["id"] for _ in range(3)]
        for times in range(3):
            sweep.tick()
            sweep._publish_due()
            if times == 0:  # so far they may be in a worker's hands
                assert len(waiting(deployment)) == 7
                connection.execute(
                    "UPDATE lockgate.operations SET hinted_at = hinted_at - interval '31 seconds' WHERE ticket_id = ANY(%s)",
                    [lost],
                )
        eventually(
            lambda: sweep._publish_due() or len(waiting(deployment)) >= 10
        )  # a limited lane's flow over a second
    found = waiting(deployment)
    assert len(found) == len(set(found)) == 10
    assert set(lost) < set(found)


def test_kinds_that_share_a_limit_are_hinted_at_one_after_another(deploy: Deploy) -> None:
    """At once, all but one would be refused, tick after tick, and the limit would be used by a quarter."""
    deployment = deploy(limits=[{"calls": 12, "per": "1s", "scope": ["tenant"]}])
    sweep = Sweep()
    eventually(lambda: sweep.tick() or epoch(deployment) == 1)
    take_payment.accept_many([payment(f"9007-{number}") for number in range(10)])
    create_customer.accept_many([{"customer_id": f"9007-{number}"} for number in range(10)])
    with deployment.platform.ledger.connection() as connection:
        connection.execute("UPDATE lockgate.operations SET hinted_at = NULL")
    sweep._outbox.clear()
    eventually(lambda: sweep.tick() or sweep._outbox)
    times = sorted(at for at, _, _ in sweep._outbox)
    assert {hint.task for _, _, hint in sweep._outbox} == {
        "tasks.payments.take_payment",
        "tasks.payments.create_customer",
    }
    assert len(times) > 4
    assert min(later - sooner for sooner, later in pairwise(times)) > 0.5 * (times[-1] - times[0]) / len(times)


def test_a_row_that_cannot_be_decided_about_keeps_no_other_waiting(deploy: Deploy) -> None:
    deployment = deploy()
    spoilt, other = pay("5099-spoilt"), pay("5099-other")
    with deployment.platform.ledger.connection() as connection:  # leases that lapsed
        connection.execute(
            "UPDATE lockgate.operations SET state = 'calling', purpose = 'send', lease_token = gen_random_uuid(), "
            "lease_until = statement_timestamp() - interval '1 hour', worker = 'gone', fence = 1"
        )
        connection.execute(
            "UPDATE lockgate.operations SET failures = 32767, lease_until = lease_until - interval '1 hour' WHERE id = "
            "(SELECT operation_id FROM lockgate.tickets WHERE id = %s)",
            [spoilt.id],
        )
    worker = deployment.worker()
    deployment.ends(other.id)
    assert deployment.state_of(spoilt.id) == "calling"
    assert worker.log.read_text().count("cannot be decided about") == 1


def test_a_row_that_somebody_has_locked_keeps_no_other_waiting(deploy: Deploy) -> None:
    """An application that accepts the same intent in its own transaction holds the row until it commits."""
    deployment = deploy(retry__give_up_after="1h")
    worker = deployment.worker()
    deployment.ends(pay("5100-first").id)
    worker.end()
    held, other = pay("5100-held"), pay("5100-other")
    with deployment.platform.ledger.connection() as connection:  # leases that lapsed, the locked row's first
        connection.execute(
            "UPDATE lockgate.operations SET state = 'calling', purpose = 'send', lease_token = gen_random_uuid(), "
            "lease_until = statement_timestamp() - interval '1 hour', worker = 'gone', fence = 1 WHERE state = 'waiting'"
        )
        connection.execute(
            "UPDATE lockgate.operations SET lease_until = lease_until - interval '1 hour' WHERE ticket_id = %s",
            [held.id],
        )
    engine = create_engine(deployment.settings.database_url.replace("postgresql:", "postgresql+psycopg:"))
    with Session(engine) as session, session.begin(), accept_in(session):
        assert pay("5100-held").id != held.id  # one more ticket for the same operation
        worker = deployment.worker()
        deployment.ends(other.id)
        assert deployment.state_of(held.id) == "calling"
    engine.dispose()
    deployment.ends(held.id)
    assert "the ledger is away" not in worker.log.read_text()


def test_what_runs_keeps_its_lease_while_its_worker_waits_for_it_to_end(deployment: Deployment) -> None:
    sweep = Sweep()
    pay("5101")
    with deployment.platform.ledger.connection() as connection:  # as a plain task that runs in this process
        connection.execute(
            "UPDATE lockgate.operations SET provider = 'local', state = 'calling', purpose = 'send', fence = 1, "
            "lease_token = gen_random_uuid(), lease_until = statement_timestamp(), worker = %s",
            [f"{deployment.platform.worker}/1/1"],
        )
    sweep.start()
    try:
        sweep.retire()
        with deployment.platform.ledger.connection() as connection:
            connection.execute("UPDATE lockgate.operations SET lease_until = statement_timestamp()")
        eventually(
            lambda: deployment.count("operations WHERE lease_until > statement_timestamp() + interval '50 seconds'")
        )
        assert sweep.is_alive()
    finally:
        sweep.end()
