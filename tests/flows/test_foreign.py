"""Messages from elsewhere: another program, another language, or one whose transaction was rolled back."""

import json
import subprocess
import sys
import uuid
from typing import Any

import pytest
import redis
from celery import Celery
from given.deployment import PATIENCE, Deployment, eventually
from given.orders import calls, charges, order
from given.shop import note, wrote
from kombu import Connection, Producer

from ledger.due import Hint
from operations.errors import DeadLettered
from tasks.app import app
from tasks.publishing import post

NAME = "tasks.payments.take_payment"

ELSEWHERE = """
import json, sys
from celery import Celery
broker, name, kwargs, options = sys.argv[1:]
sent = Celery(broker=broker).send_task(name, kwargs=json.loads(kwargs), queue="stripe", **json.loads(options))
print(sent.id)
"""


def send_from_elsewhere(shop: Deployment, kwargs: dict[str, Any], **options: Any) -> str:
    """As a program that has Celery and nothing of ours would."""
    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE, shop.valkey.url, NAME, json.dumps(kwargs), json.dumps(options)],
        capture_output=True, check=True, text=True, cwd="/",
    )  # fmt: skip
    return done.stdout.strip()


def send_raw(shop: Deployment, headers: dict[str, Any], body: Any) -> None:
    """As a program without Celery would."""
    with Connection(shop.valkey.url) as connection, connection.channel() as channel:
        Producer(channel).publish(
            body, exchange="", routing_key="stripe", serializer="json", headers=headers, correlation_id=headers["id"]
        )


def known(shop: Deployment, ticket_id: str) -> bool:
    return shop.count(f"tickets WHERE id = '{ticket_id}'") == 1


def why(shop: Deployment, ticket_id: str) -> Any:
    """What a dead letter says."""
    return shop.row(
        "o.reason, o.effect, (SELECT d.code FROM lockgate.dead_letters d WHERE d.operation_id = o.id)", ticket_id
    )


def test_a_task_sent_by_name_from_a_program_that_knows_nothing_of_ours(shop: Deployment) -> None:
    ticket_id = send_from_elsewhere(shop, order("w1"))
    eventually(lambda: known(shop, ticket_id))
    told = app.AsyncResult(ticket_id).get(timeout=PATIENCE)
    assert [told["reference"]] == charges(shop, "w1")
    assert "is dropped" not in shop.workers[0].log.read_text()


def test_it_shares_its_business_key_with_our_own_callers(shop: Deployment) -> None:
    ours = app.send_task(NAME, kwargs=order("w2"))
    ours.get(timeout=PATIENCE)
    ticket_id = send_from_elsewhere(shop, order("w2"))
    eventually(lambda: known(shop, ticket_id))
    assert app.AsyncResult(ticket_id).get(timeout=PATIENCE) == ours.get()
    assert len(charges(shop, "w2")) == 1


def test_a_raw_message_as_another_language_writes_it(shop: Deployment) -> None:
    ticket_id = str(uuid.uuid4())
    send_raw(shop, {"task": NAME, "id": ticket_id, "lang": "go"}, [[], order("w3"), {}])
    eventually(lambda: known(shop, ticket_id))
    assert app.AsyncResult(ticket_id).get(timeout=PATIENCE)["state"] == "succeeded"


def test_a_message_of_celerys_first_protocol(shop: Deployment) -> None:
    body = {"task": NAME, "id": "protocol-1", "args": [], "kwargs": order("w3-old")}
    with Connection(shop.valkey.url) as connection, connection.channel() as channel:
        Producer(channel).publish(body, exchange="", routing_key="stripe", serializer="json")
    eventually(lambda: known(shop, "protocol-1"))
    assert [app.AsyncResult("protocol-1").get(timeout=PATIENCE)["reference"]] == charges(shop, "w3-old")


def test_its_links_run_too(shop: Deployment) -> None:
    ticket_id = str(uuid.uuid4())
    link = note.s("w4")
    embed = {"callbacks": [link], "errbacks": None, "chain": None, "chord": None}
    send_raw(shop, {"task": NAME, "id": ticket_id}, [[], order("w4"), embed])
    assert eventually(lambda: wrote("w4")) == [app.AsyncResult(ticket_id).get(timeout=PATIENCE)]


def test_one_that_has_expired_is_not_carried_out(shop: Deployment) -> None:
    sent = calls(shop)
    ticket_id = send_from_elsewhere(shop, order("w5"), expires=-10)
    eventually(lambda: known(shop, ticket_id))
    with pytest.raises(DeadLettered, match="expired"):
        app.AsyncResult(ticket_id).get(timeout=PATIENCE)
    assert calls(shop) == sent


@pytest.mark.parametrize("wrong", [{"amount": 42.0}, {"order_id": "../etc"}, {"surprise": 1}])
def test_wrong_arguments_become_a_dead_letter_with_them_for_a_person(shop: Deployment, wrong: dict[str, Any]) -> None:
    sent = calls(shop)
    ticket_id = send_from_elsewhere(shop, order("w6") | wrong)
    eventually(lambda: known(shop, ticket_id) and shop.state_of(ticket_id) == "dead")
    assert why(shop, ticket_id) == ("refused", "none", "InvalidArgumentsError")
    assert calls(shop) == sent


def test_other_arguments_under_a_key_become_a_dead_letter(shop: Deployment) -> None:
    app.send_task(NAME, kwargs=order("w7")).get(timeout=PATIENCE)
    ticket_id = send_from_elsewhere(shop, order("w7", amount=1))
    eventually(lambda: known(shop, ticket_id) and shop.state_of(ticket_id) == "dead")
    assert why(shop, ticket_id) == ("refused", "none", "OperationConflict")


def test_a_hint_without_a_row_is_dropped(shop: Deployment) -> None:
    sent, stored = calls(shop), shop.count("operations")
    ghost = Hint(str(uuid.uuid4()), NAME, "stripe", 0, "default", "stripe")
    post(shop.platform, [ghost])
    after = app.send_task(NAME, kwargs=order("w8"))
    after.get(timeout=PATIENCE)
    with redis.Redis.from_url(shop.valkey.url) as client:
        assert client.llen("stripe") == 0
    assert calls(shop) == sent + 1
    assert shop.count("operations") == stored + 1
    assert app.AsyncResult(ghost.ticket_id).state == "PENDING"


def test_the_other_program_sees_its_result_when_it_names_our_backend(shop: Deployment) -> None:
    other = Celery(broker=shop.valkey.url, backend="tasks.results:LedgerBackend", set_as_current=False)
    result = other.send_task(NAME, kwargs=order("w9"), queue="stripe")
    eventually(lambda: known(shop, result.id))
    assert result.get(timeout=PATIENCE)["state"] == "succeeded"
    other.close()
