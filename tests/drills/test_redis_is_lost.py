"""Redis emptied, killed, or away: minutes at most, and no operation."""

import threading
from collections.abc import Callable
from pathlib import Path

import redis
from celery import Celery
from given.deployment import Deployment, eventually
from given.hints import hinted
from given.payments import charges, pay, payment

from embedded import Valkey
from tasks.payments import take_payment

Deploy = Callable[..., Deployment]
PLENTY = {"limits": [{"calls": 5000, "per": "1s"}], "traffic__calls_per_minute": 60_000}


def succeeded(deployment: Deployment) -> int:
    return deployment.count("operations WHERE state = 'succeeded'")


def charged(deployment: Deployment) -> list[str]:
    return [effect["metadata"]["order_id"] for effect in deployment.sandbox.effects() if effect["effect"] == "charge"]


def test_a_thousand_waiting_operations_survive_a_flushed_redis(deploy: Deploy) -> None:
    deployment = deploy(**PLENTY)
    take_payment.accept_many([payment(f"3001-{number}") for number in range(1000)])
    with redis.Redis.from_url(deployment.valkey.url) as client:
        assert len(hinted(client)) == 1000
        client.flushall()
        deployment.worker(concurrency=8)
        eventually(lambda: succeeded(deployment) >= 100)
        client.flushall()
        eventually(lambda: succeeded(deployment) == 1000)
    assert sorted(charged(deployment)) == sorted(f"3001-{number}" for number in range(1000))


def test_valkey_killed_and_started_again_under_load_loses_and_doubles_nothing(
    deploy: Deploy, own_valkey: Valkey
) -> None:
    deployment = deploy(redis_server=own_valkey, **PLENTY)
    take_payment.accept_many([payment(f"3002-{number}") for number in range(300)])
    deployment.worker(concurrency=8)
    for least in (30, 120):
        eventually(lambda least=least: succeeded(deployment) >= least)
        own_valkey.stop(immediate=True)
        own_valkey.start()
    eventually(lambda: succeeded(deployment) == 300)
    assert sorted(charged(deployment)) == sorted(f"3002-{number}" for number in range(300))


def test_accepting_while_valkey_is_away_succeeds_and_is_hinted_when_it_is_back(
    deploy: Deploy, own_valkey: Valkey
) -> None:
    deployment = deploy(redis_server=own_valkey)
    deployment.worker()
    own_valkey.stop(immediate=True)
    result = pay("3003")
    many = take_payment.accept_many([payment(f"3003-{number}") for number in range(3)])
    assert [verdict.answer for verdict in many] == ["accepted"] * 3
    assert result.state == "PENDING"
    own_valkey.start()
    for ticket in (result, *(verdict.result for verdict in many)):
        deployment.ends(ticket.id)
    assert len(charges(deployment, "3003")) == 1


def test_nothing_is_sent_while_redis_that_holds_the_limits_is_away(deploy: Deploy, own_valkey: Valkey) -> None:
    deployment = deploy(redis_server=own_valkey)
    own_valkey.stop(immediate=True)
    result = take_payment.call_now(timeout=0.5, **payment("3004"))
    assert not result.ready()
    assert deployment.sandbox.events("request") == []
    own_valkey.start()
    deployment.worker()
    deployment.ends(result.id)


def test_a_wiped_redis_is_noticed_by_its_epoch_and_not_by_a_time_out(deploy: Deploy) -> None:
    deployment = deploy(**PLENTY)
    deployment.worker("-Q", "postmark")  # a sweep, and nobody who takes hints of this queue
    take_payment.accept_many([payment(f"3005-{number}") for number in range(50)])
    with redis.Redis.from_url(deployment.valkey.url) as client:
        for _ in range(2):
            eventually(lambda: len(hinted(client)) == 50)
            before = epoch(deployment)
            client.flushall()
            eventually(lambda before=before: epoch(deployment) == before + 1)
        eventually(lambda: len(hinted(client)) == 50)
    assert deployment.count("operations WHERE hinted_at IS NOT NULL") == 50


def epoch(deployment: Deployment) -> int:
    with deployment.platform.ledger.connection() as connection:
        row = connection.execute("SELECT hint_epoch FROM lockgate.ledger").fetchone()
    assert row is not None
    return int(row[0])


def test_a_message_from_elsewhere_is_written_to_no_file_when_redis_dies_under_it(
    deploy: Deploy, own_valkey: Valkey, tmp_path: Path
) -> None:
    folder = tmp_path / "tmp"
    folder.mkdir()
    deployment = deploy(redis_server=own_valkey, call__total="20s", call__read="20s", call__lease="60s")
    deployment.sandbox.fault("F03", match={"method": "POST"}, times=1)
    worker = deployment.worker(concurrency=1, TMPDIR=str(folder))
    hung = pay("3006")
    eventually(lambda: deployment.state_of(hung.id) == "calling")
    with Celery(broker=own_valkey.url, set_as_current=False) as other:
        other.send_task(
            "tasks.payments.take_payment", kwargs=payment("3006-canary"), queue="stripe", task_id="foreign-3006"
        )
    eventually(lambda: "foreign-3006" in worker.log.read_text())  # taken from the queue; its only slot is busy
    own_valkey.stop(immediate=True)
    eventually(lambda: "message foreign-3006 is not put back" in worker.log.read_text())
    own_valkey.start()
    deployment.ends(hung.id)
    assert [path for path in folder.iterdir() if b"canary" in path.read_bytes()] == []
    assert "EMERGENCY" not in worker.log.read_text()


def test_a_worker_that_starts_while_redis_takes_no_writes_waits_for_it(deploy: Deploy, own_valkey: Valkey) -> None:
    deployment = deploy(redis_server=own_valkey)
    log = deployment.folder / "worker-0.log"
    with redis.Redis.from_url(own_valkey.url) as client:
        client.config_set("maxmemory", "1")

        def free_memory() -> None:
            eventually(lambda: log.exists() and "Trying to re-establish the connection" in log.read_text())
            client.config_set("maxmemory", "0")

        helper = threading.Thread(target=free_memory)
        helper.start()
        deployment.worker()
        helper.join()
    deployment.ends(pay("3010").id)
