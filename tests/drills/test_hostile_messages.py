"""Whatever is written into Redis: nothing runs it, no worker ends for it, and no operation is lost."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import redis
from given.console import Console
from given.deployment import Deployment, Worker, eventually
from given.hostile import broadcasts, hint, hostile
from given.payments import charges, pay

from tasks.hint import PRIORITY_STEPS, queue_key

Deploy = Callable[..., Deployment]
CHANNELS = ("/0.celery.pidbox", "/0.celeryev/worker.heartbeat", "/0.celeryev/worker.offline")
QUEUES = ("stripe", "postmark", "lockgate")


@contextmanager
def unharmed(deployment: Deployment, worker: Worker, canary: Path) -> Iterator["redis.Redis"]:
    """Whatever is pushed meanwhile: the same worker carries out what comes after it, once, and nothing was unpickled."""
    accepted = [pay(f"8301-{number}") for number in range(3)]
    with redis.Redis.from_url(deployment.valkey.url) as client:
        yield client
        for number, one in enumerate([*accepted, pay("8301-after")]):
            deployment.ends(one.id)
            assert len(charges(deployment, "8301-after" if number == len(accepted) else f"8301-{number}")) == 1
        keys = [queue_key(queue, step) for queue in QUEUES for step in PRIORITY_STEPS]
        eventually(lambda: not any(client.llen(key) for key in keys))
    assert worker.process.poll() is None
    assert not canary.exists()
    assert deployment.count("operations WHERE state NOT IN ('succeeded', 'dead')") == 0


@pytest.mark.parametrize("pool", ["threads", "prefork"])
@pytest.mark.parametrize("queue", QUEUES)
def test_hostile_messages_in_every_queue_end_no_worker_and_no_operation(
    deploy: Deploy, tmp_path: Path, queue: str, pool: str
) -> None:
    canary = tmp_path / "canary"
    deployment = deploy()
    worker = deployment.worker(pool=pool, concurrency=2)
    with unharmed(deployment, worker, canary) as client:
        for step in PRIORITY_STEPS:
            for message in hostile(queue, canary).values():
                client.lpush(queue_key(queue, step), message)
    assert "Connection to broker lost" not in worker.log.read_text()


def test_hostile_orders_and_events_end_no_worker_and_no_operation(deploy: Deploy, tmp_path: Path) -> None:
    canary = tmp_path / "canary"
    deployment = deploy()
    worker = deployment.worker(concurrency=2, gossip=True)
    with unharmed(deployment, worker, canary) as client:
        for channel in CHANNELS:
            for message in broadcasts(canary).values():
                # After an order that it could not read, Celery listens anew.
                eventually(lambda channel=channel, message=message: client.publish(channel, message))


@pytest.mark.parametrize("key", ["postmark", "{lockgate}:state", "{lockgate}:breaker:stripe"])
def test_a_key_that_holds_something_else_is_thrown_away_by_the_same_worker(
    deploy: Deploy, tmp_path: Path, key: str
) -> None:
    deployment = deploy()
    worker = deployment.worker(concurrency=2, LOCKGATE_DEAF_AFTER="5")
    with unharmed(deployment, worker, tmp_path / "canary") as client:
        client.delete(key)
        client.set(key, "x")
        eventually(lambda: client.type(key) != b"string")


def test_a_hundred_dropped_messages_take_up_no_place_of_a_worker(deploy: Deploy) -> None:
    deployment = deploy()
    deployment.worker(concurrency=1)
    with redis.Redis.from_url(deployment.valkey.url) as client:
        client.lpush("stripe", *[hint(about={"v": 1}, timelimit=[1, 2, 3], id=f"ghost-{at}") for at in range(50)])
        client.lpush("stripe", *[hint(about={"v": 1}, retries={"a": at}, id=f"ghost-{at}") for at in range(50)])
    deployment.ends(pay("8302").id)
    told = Console(deployment.environment).run("provider", "status")
    assert told.code == 1
    assert "50 messages that are none of ours were dropped" in told.err  # the others name a ticket that nobody has


def test_a_task_that_nobody_knows_is_told_to_operators(deploy: Deploy) -> None:
    deployment = deploy()
    console = Console(deployment.environment)
    assert console.run("provider", "status").code == 0
    deployment.worker(concurrency=1)
    with redis.Redis.from_url(deployment.valkey.url) as client:
        stranger = json.loads(hint(about={"v": 1}))
        client.lpush("stripe", json.dumps(stranger | {"headers": stranger["headers"] | {"task": "no.such.task"}}))
    eventually(lambda: console.run("provider", "status").code == 1, every=1.0)
    assert "a task that is not known" in console.run("provider", "status").err


def test_what_a_message_holds_is_in_no_log(deploy: Deploy) -> None:
    deployment = deploy()
    worker = deployment.worker(concurrency=1)
    whole = json.loads(hint(about={"v": 1}, timelimit="ada@example.com"))
    with redis.Redis.from_url(deployment.valkey.url) as client:
        client.lpush(
            "stripe", json.dumps(whole), b"{ada@example.com", json.dumps(whole | {"headers": ["ada@example.com"]})
        )
    deployment.ends(pay("8303").id)
    log = worker.log.read_text()
    assert log.count("is dropped") == 3
    assert "ada@example" not in log


def test_hints_of_a_later_version_are_left_to_that_version_and_their_rows_lost_to_nobody(deploy: Deploy) -> None:
    deployment = deploy()
    results = [pay(f"8304-{number}") for number in range(20)]
    with redis.Redis.from_url(deployment.valkey.url) as client:
        newer = [json.loads(message) for message in client.lrange("stripe", 0, -1)]
        for message in newer:
            message["headers"]["lockgate"]["v"] += 1
        client.delete("stripe")
        client.lpush("stripe", *[json.dumps(message) for message in newer])
        worker = deployment.worker()
        for result in results:
            deployment.ends(result.id)
    assert deployment.count("attempts") == len(results)
    assert worker.process.poll() is None


def test_an_operation_of_a_kind_that_an_old_worker_does_not_know_waits_for_a_new_one(deploy: Deploy) -> None:
    deployment = deploy(call__lease="6s", retry__give_up_after="60s")
    result = pay("8305")
    with deployment.platform.ledger.connection() as connection:
        connection.execute("UPDATE lockgate.lanes SET kind = 'stripe.of_tomorrow', task = 'tasks.payments.of_tomorrow'")
        connection.execute("UPDATE lockgate.operations SET kind = 'stripe.of_tomorrow', hinted_at = NULL")
    with redis.Redis.from_url(deployment.valkey.url) as client:
        client.delete("stripe")
    old = deployment.worker()
    eventually(lambda: "of_tomorrow" in old.log.read_text())  # it was given the hint, and does not know the task
    assert deployment.row("state, effect, fence", result.id) == ("waiting", "none", 0)
    assert result.state == "PENDING"
    with deployment.platform.ledger.connection() as connection:
        connection.execute(
            "UPDATE lockgate.lanes SET kind = 'stripe.take_payment', task = 'tasks.payments.take_payment'"
        )
        connection.execute("UPDATE lockgate.operations SET kind = 'stripe.take_payment'")
    deployment.ends(result.id)
    assert len(charges(deployment, "8305")) == 1
