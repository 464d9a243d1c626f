"""One business key, many callers: one operation, whoever comes when, and the next generation only where it may be."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import psycopg
import pytest
import redis
from given.deployment import PATIENCE, Deployment, eventually
from given.payments import charges, pay, payment, posts
from psycopg import Connection
from sqlalchemy import create_engine, text
from sqlalchemy.orm import Session

from operations.errors import AcceptBusy, Declined, OperationConflict
from tasks.accepting import accept_in
from tasks.payments import take_payment

Deploy = Callable[..., Deployment]


def hints(deployment: Deployment) -> int:
    with redis.Redis.from_url(deployment.valkey.url) as client:
        return int(client.llen("stripe"))


def test_callers_with_one_key_at_the_same_instant_get_one_operation_and_a_ticket_each(deployment: Deployment) -> None:
    barrier, results = threading.Barrier(6), []

    def call() -> None:
        barrier.wait()
        results.append(pay("4001"))

    callers = [threading.Thread(target=call) for _ in range(6)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert deployment.count("operations") == 1
    assert deployment.count("tickets") == len({result.id for result in results}) == 6
    deployment.worker()
    assert len({result.get(timeout=PATIENCE)["reference"] for result in results}) == 1
    assert len(charges(deployment, "4001")) == len(posts(deployment)) == 1


def session_on(deployment: Deployment) -> Session:
    return Session(create_engine(deployment.settings.database_url.replace("postgresql:", "postgresql+psycopg:")))


def test_a_caller_whose_key_another_transaction_holds_is_told_so_and_keeps_its_own_transaction(
    deployment: Deployment,
) -> None:
    with session_on(deployment) as first, session_on(deployment) as second:
        with accept_in(first):
            pay("4002")
        with pytest.raises(AcceptBusy), accept_in(second):
            pay("4002")
        with accept_in(second):
            other = pay("4002-other")
        second.commit()
        first.rollback()
        first.get_bind().dispose()
        second.get_bind().dispose()
    assert deployment.state_of(other.id) == "waiting"
    assert deployment.count("operations") == 1


def test_what_a_caller_rolls_back_was_never_accepted_and_its_hint_means_nothing(deployment: Deployment) -> None:
    with session_on(deployment) as session:
        with accept_in(session):
            gone = pay("4003")
        session.rollback()
        with accept_in(session):
            kept = pay("4003-kept")
        assert hints(deployment) == 0
        session.commit()
        session.get_bind().dispose()
    assert hints(deployment) == 1
    with deployment.platform.ledger.connection() as connection, redis.Redis.from_url(deployment.valkey.url) as client:
        raw = client.lindex("stripe", 0)
        client.lpush("stripe", raw.replace(kept.id.encode(), gone.id.encode()))  # as if it had been sent too early
        assert connection.execute("SELECT FROM lockgate.tickets WHERE id = %s", [gone.id]).fetchone() is None
    deployment.worker()
    deployment.ends(kept.id)
    eventually(lambda: hints(deployment) == 0)
    assert deployment.count("operations") == len(posts(deployment)) == 1


def test_a_savepoint_of_the_caller_is_no_commit_and_accepting_leaves_its_settings_alone(deployment: Deployment) -> None:
    with session_on(deployment) as session:
        session.execute(text("SET LOCAL lock_timeout = '7s'"))
        with session.begin_nested(), accept_in(session):
            result = pay("4013")
        assert hints(deployment) == 0
        assert session.execute(text("SELECT current_setting('lock_timeout')")).scalar() == "7s"
        session.commit()
        session.get_bind().dispose()
    assert hints(deployment) == 1
    deployment.worker()
    deployment.ends(result.id)


def test_a_bare_connection_publishes_nothing_and_the_sweep_delivers_after_its_commit(deployment: Deployment) -> None:
    connection: Connection[Any]
    with psycopg.connect(deployment.settings.database_url) as connection:
        with accept_in(connection):
            result = pay("4004")
        assert hints(deployment) == 0
        connection.commit()
        assert hints(deployment) == 0
    deployment.worker()
    deployment.ends(result.id)


def test_other_arguments_under_a_key_are_a_conflict_and_a_default_said_aloud_is_none(deployment: Deployment) -> None:
    first = pay("4005")
    with pytest.raises(OperationConflict, match="order:4005:payment"):
        pay("4005", amount=9900)
    again = pay("4005", capture=True)
    assert deployment.row("o.id", again.id) == deployment.row("o.id", first.id)
    assert deployment.count("tickets") == 2


def test_a_batch_answers_each_item_and_an_atomic_one_stores_nothing_at_all(deployment: Deployment) -> None:
    pay("4006")
    items = [
        payment("4007"),
        payment("4006"),
        payment("4006", amount=1),
        payment("4007"),
        payment("4007", amount=1),
        payment("4008", amount=1.5),
    ]
    verdicts = take_payment.accept_many(items)
    assert [verdict.answer for verdict in verdicts] == [
        "accepted", "existing", "conflict", "existing", "conflict", "invalid",
    ]  # fmt: skip
    assert deployment.count("operations") == 2
    with pytest.raises(OperationConflict):
        take_payment.accept_many([payment("4009"), payment("4006", amount=1)], atomic=True)
    assert deployment.count("operations") == 2


def test_an_atomic_batch_whose_commits_answer_was_lost_is_not_said_to_be_stored_nowhere(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    ledger, lost = deployment.platform.ledger, []
    real = ledger.transaction

    @contextmanager
    def cut_off() -> Iterator[Any]:
        with real() as connection:
            yield connection
        if not lost:
            lost.append(1)
            raise psycopg.OperationalError("the connection was cut after COMMIT")

    monkeypatch.setattr(ledger, "transaction", cut_off)
    verdicts = take_payment.accept_many([payment("4011"), payment("4012")], atomic=True)
    assert lost
    assert [verdict.result.id for verdict in verdicts if verdict.result] == sorted_tickets(deployment)
    assert deployment.count("operations") == 2


def sorted_tickets(deployment: Deployment) -> list[str]:
    with deployment.platform.ledger.connection() as connection:
        found = connection.execute("SELECT ticket_id FROM lockgate.operations ORDER BY business_key").fetchall()
    return [ticket for (ticket,) in found]


def test_batches_with_the_same_keys_in_opposite_orders_do_not_stop_each_other(deployment: Deployment) -> None:
    orders = [f"4010-{number}" for number in range(200)]
    verdicts: list[Any] = []

    def call(wanted: list[str]) -> None:
        verdicts.extend(take_payment.accept_many([payment(order) for order in wanted]))

    callers = [threading.Thread(target=call, args=[wanted]) for wanted in (orders, orders[::-1], orders)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert sorted(verdict.answer for verdict in verdicts) == ["accepted"] * 200 + ["existing"] * 400
    assert deployment.count("operations") == 200


def declined(deployment: Deployment, order: str) -> str:
    result = pay(order, payment_method="pm_card_chargeDeclined")
    with pytest.raises(Declined):
        result.get(timeout=PATIENCE)
    return str(deployment.row("o.id", result.id))


def test_after_a_refusal_the_next_card_goes_out_under_a_new_key_and_the_old_operation_never_again(
    deployment: Deployment,
) -> None:
    deployment.worker()
    old = declined(deployment, "4011")
    result = take_payment.again(after=old, **payment("4011", payment_method="pm_card_visa"))
    assert result.get(timeout=PATIENCE)["state"] == "succeeded"
    keys = {event["idempotency_key"] for event in posts(deployment)}
    assert len(keys) == len(posts(deployment)) == 2
    assert len(charges(deployment, "4011")) == 1
    assert deployment.count("operations WHERE state = 'superseded' AND generation = 1") == 1
    assert deployment.row("generation", result.id) == 2
    with pytest.raises(OperationConflict):
        take_payment.again(after=old, **payment("4011", amount=1))


def test_of_two_next_generations_at_once_one_wins(deployment: Deployment) -> None:
    deployment.worker()
    old = declined(deployment, "4012")
    barrier, won, lost = threading.Barrier(2), [], []

    def call(amount: int) -> None:
        barrier.wait()
        try:
            won.append(take_payment.again(after=old, **payment("4012", amount=amount)))
        except OperationConflict as error:
            lost.append(error)

    callers = [threading.Thread(target=call, args=[amount]) for amount in (100, 200)]
    for caller in callers:
        caller.start()
    for caller in callers:
        caller.join()
    assert (len(won), len(lost)) == (1, 1)
    deployment.ends(won[0].id)
    assert len(charges(deployment, "4012")) == 1
