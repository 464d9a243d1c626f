"""PostgreSQL cut off, stopped or slow to answer, at the moments that matter."""

import threading
import time
from collections.abc import Callable

import psycopg
import pytest
import redis
from given.deployment import LAPSING, PATIENCE, Deployment, eventually
from given.payments import charges, mail, mails, pay, payment, posts
from given.proxy import Proxy

from embedded import Postgres
from operations.errors import AcceptUnknown, LedgerUnavailable
from tasks.payments import take_payment

Deploy = Callable[..., Deployment]

_ACCEPT, _CLAIM = b"INSERT INTO lockgate.business_keys", b"INSERT INTO lockgate.attempts"
_RECORD = b"INSERT INTO lockgate.replies"


def test_an_accept_whose_answer_was_lost_is_read_again_by_its_key(deploy: Deploy, database_proxy: Proxy) -> None:
    deployment = deploy(database=database_proxy.url)
    cut = database_proxy.cut_after(_ACCEPT)
    result = pay("2001")
    assert cut.reached.is_set()
    assert deployment.count("operations") == deployment.count("tickets") == 1
    deployment.worker()
    deployment.ends(result.id)
    assert len(charges(deployment, "2001")) == 1


def test_an_accept_that_cannot_learn_its_end_says_so_and_the_next_call_finds_it(
    deploy: Deploy, database_proxy: Proxy
) -> None:
    deployment = deploy(database=database_proxy.url)
    pay("2001-before")
    held, raised = database_proxy.hold_after(_ACCEPT), []

    def call() -> None:
        try:
            pay("2001-unknown")
        except AcceptUnknown as error:
            raised.append(error)

    caller = threading.Thread(target=call)
    caller.start()
    assert held.reached.wait(PATIENCE)
    with database_proxy.away():
        held.released.set()
        caller.join()
    assert [str(error).count("order:2001-unknown:payment") for error in raised] == [1]
    again = pay("2001-unknown")
    assert deployment.count("operations") == 2
    assert deployment.count("tickets WHERE alias") == 1
    assert deployment.state_of(again.id) == "waiting"


def test_a_batch_whose_commit_was_not_answered_is_accepted_once(deploy: Deploy, database_proxy: Proxy) -> None:
    deployment = deploy(database=database_proxy.url)
    cut = database_proxy.cut_after(_ACCEPT)
    verdicts = take_payment.accept_many([payment(f"2002-{number}") for number in range(20)])
    assert cut.reached.is_set()
    assert {verdict.answer for verdict in verdicts} <= {"accepted", "existing"}
    assert deployment.count("operations") == deployment.count("business_keys") == 20


def test_a_claim_whose_answer_was_lost_is_handed_back_and_made_again(deploy: Deploy, database_proxy: Proxy) -> None:
    deployment = deploy()
    cut = database_proxy.cut_after(_CLAIM)
    deployment.worker(LOCKGATE_DATABASE_URL=database_proxy.url)
    result = mail("m-2003")
    deployment.ends(result.id)
    assert cut.reached.is_set()
    assert len(mails(deployment)) == 1
    assert deployment.count("replies WHERE code = 'claim_lost' AND effect = 'none'") == 1


def test_a_record_whose_answer_was_lost_is_written_once(deploy: Deploy, database_proxy: Proxy) -> None:
    deployment = deploy()
    cut = database_proxy.cut_after(_RECORD)
    deployment.worker(LOCKGATE_DATABASE_URL=database_proxy.url)
    result = pay("2004")
    assert result.get(timeout=PATIENCE)["state"] == "succeeded"
    assert cut.reached.is_set()
    assert deployment.count("replies") == deployment.count("attempts") == len(charges(deployment, "2004")) == 1


def test_a_record_that_is_written_alone_and_whose_answer_was_lost_is_written_once(
    deploy: Deploy, database_proxy: Proxy
) -> None:
    deployment = deploy()
    cut = database_proxy.cut_after(_RECORD)
    deployment.worker(LOCKGATE_DATABASE_URL=database_proxy.url)
    result = mail("m-2004")  # no key: its outcome waits for nobody
    deployment.ends(result.id)
    assert cut.reached.is_set()
    assert deployment.count("replies") == deployment.count("attempts") == len(mails(deployment)) == 1


def test_a_claim_that_was_answered_after_its_lease_sends_nothing(deploy: Deploy, database_proxy: Proxy) -> None:
    deployment = deploy(**LAPSING, settle="1s")
    held = database_proxy.hold_after(_CLAIM)
    slow = deployment.worker(LOCKGATE_DATABASE_URL=database_proxy.url)
    result = mail("m-2005")
    assert held.reached.wait(PATIENCE)
    deployment.worker()
    eventually(lambda: deployment.state_of(result.id) != "calling")  # taken back: the lease has lapsed
    held.released.set()
    eventually(lambda: deployment.count("replies WHERE code = 'lease_short'"))
    deployment.ends(result.id)
    slow.end()
    assert len(mails(deployment)) == len(posts(deployment, "/email")) == 1


def test_a_reply_in_hand_while_postgresql_is_away_longer_than_the_lease_counts(
    deploy: Deploy, database_proxy: Proxy
) -> None:
    deployment = deploy(**LAPSING, settle="1s")
    deployment.sandbox.control("POST", "/config", latency=2.0)
    deployment.worker(concurrency=1, LOCKGATE_DATABASE_URL=database_proxy.url)
    result = pay("2006")
    eventually(lambda: posts(deployment), every=0.01)
    with database_proxy.away():
        deployment.worker()  # it takes the operation back, and sends the same bytes under the same key
        deployment.ends(result.id)
    eventually(lambda: deployment.count("replies WHERE outcome = 'succeeded'") == 2)
    assert deployment.row("state, effect", result.id) == ("succeeded", "done")
    assert len(charges(deployment, "2006")) == 1


def test_a_late_proof_ends_what_nobody_could_confirm(deploy: Deploy, database_proxy: Proxy) -> None:
    deployment = deploy(**LAPSING, settle="30s")
    deployment.sandbox.control("POST", "/config", latency=2.0)
    deployment.worker(concurrency=1, LOCKGATE_DATABASE_URL=database_proxy.url)
    result = mail("m-2007")
    eventually(lambda: posts(deployment, "/email"), every=0.01)
    with database_proxy.away():
        deployment.worker()
        eventually(lambda: deployment.state_of(result.id) == "unconfirmed")
    deployment.ends(result.id)
    assert deployment.row("effect", result.id) == "done"
    assert len(mails(deployment)) == 1


def test_accepting_goes_on_at_once_when_every_pooled_connection_was_cut(deploy: Deploy, database_proxy: Proxy) -> None:
    deployment = deploy(database=database_proxy.url)
    callers = [threading.Thread(target=pay, args=[f"2008-{number}"]) for number in range(8)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    with database_proxy.away(), pytest.raises(LedgerUnavailable):
        pay("2008-away")
    pay("2008-back")
    assert deployment.count("operations") == 9


def test_postgresql_stopped_at_once_under_load_loses_nothing_that_was_committed(
    deploy: Deploy, own_postgres: Postgres
) -> None:
    deployment = deploy(database=own_postgres.url, limits=[{"calls": 5000, "per": "1s"}])
    deployment.worker()
    deployment.worker()
    accepted, refused, going = [], [], threading.Event()

    def caller(name: int) -> None:
        for number in range(10_000):
            if going.is_set():
                return
            order = f"2009-{name}-{number}"
            try:
                accepted.append((order, pay(order).id))
            except Exception as error:  # noqa: BLE001  its type is the finding
                refused.append((order, error))
                time.sleep(0.02)

    callers = [threading.Thread(target=caller, args=[name]) for name in range(4)]
    for one in callers:
        one.start()
    eventually(lambda: deployment.count("operations WHERE state = 'succeeded'") > 30)
    own_postgres.stop(immediate=True)
    eventually(lambda: refused)
    own_postgres.start()
    before = len(accepted)
    eventually(lambda: len(accepted) > before + 20)
    going.set()
    for one in callers:
        one.join()
    assert {type(error).__name__ for _, error in refused} <= {"LedgerUnavailable", "AcceptUnknown"}
    for _, ticket in accepted:
        deployment.ends(ticket)
    charged = [effect["metadata"]["order_id"] for effect in deployment.sandbox.effects() if effect["standing"]]
    assert len(charged) == len(set(charged))
    assert {order for order, _ in accepted} <= set(charged)


def take_no_writes(server: Postgres, *, value: str) -> None:
    """As a standby after a failover, or a primary that is being handed over."""
    with psycopg.connect(server.url, autocommit=True) as connection:
        connection.execute("SET default_transaction_read_only = off")
        connection.execute(f"ALTER SYSTEM SET default_transaction_read_only = {value}")
        connection.execute("SELECT pg_reload_conf()")


def takes_writes(server: Postgres) -> bool:
    with psycopg.connect(server.url, autocommit=True) as connection:
        return connection.execute("SHOW transaction_read_only").fetchone() == ("off",)


def test_a_postgresql_that_takes_no_writes_is_one_that_is_away(deploy: Deploy, own_postgres: Postgres) -> None:
    deployment = deploy(database=own_postgres.url, **LAPSING | {"call__lease": "60s"})
    deployment.sandbox.control("POST", "/config", latency=2.0)
    deployment.worker(concurrency=1)
    result = pay("2012")
    eventually(lambda: posts(deployment), every=0.01)
    take_no_writes(own_postgres, value="on")
    eventually(lambda: not takes_writes(own_postgres))
    eventually(lambda: charges(deployment, "2012"))
    with pytest.raises(LedgerUnavailable, match="read-only"):
        pay("2012-refused")
    take_no_writes(own_postgres, value="off")
    deployment.ends(result.id)
    assert deployment.count("replies WHERE outcome = 'succeeded'") == deployment.count("replies") == 1
    assert (
        deployment.count("attempts") == len(posts(deployment)) == 1
    )  # who had the answer kept it until it could write


def test_nothing_is_taken_back_for_one_lease_after_postgresql_started(deploy: Deploy, own_postgres: Postgres) -> None:
    deployment = deploy(database=own_postgres.url, **LAPSING)
    deployment.sandbox.control("POST", "/config", latency=2.0)
    deployment.worker()
    deployment.worker()
    result = pay("2011")
    eventually(lambda: posts(deployment), every=0.01)
    lapses = time.monotonic() + 8.0  # its lease
    own_postgres.stop(immediate=True)
    eventually(lambda: time.monotonic() > lapses)
    own_postgres.start()
    deployment.ends(result.id)
    assert deployment.count("replies WHERE outcome = 'lost'") == 0  # who had the answer came to write it
    assert deployment.count("attempts") == len(posts(deployment)) == len(charges(deployment, "2011")) == 1


def test_a_worker_that_is_cut_off_from_postgresql_does_not_eat_the_hints_of_the_others(
    deploy: Deploy, database_proxy: Proxy
) -> None:
    deployment = deploy(limits=[{"calls": 5000, "per": "1s"}], traffic__calls_per_minute=60_000)
    cut_off = deployment.worker(LOCKGATE_DATABASE_URL=database_proxy.url)
    deployment.worker()
    with database_proxy.away(), redis.Redis.from_url(deployment.valkey.url) as client:
        take_payment.accept_many([payment(f"2010-{number}") for number in range(200)])
        eventually(lambda: client.llen("stripe") == 0)
        eaten = deployment.count("operations WHERE state = 'waiting' AND hinted_at IS NOT NULL")
        assert eaten < 100  # of 200; a worker that fails at once is faster than one that works
    eventually(lambda: deployment.count("operations WHERE state = 'succeeded'") == 200)
    cut_off.end()
