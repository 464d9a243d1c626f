"""What a real worker writes and tells while it carries operations out."""

import json
import threading
from typing import Any

import pytest
from given.deployment import PATIENCE, Deployment, eventually

from tasks.app import app
from tasks.payments import start_payment


def lines(deployment: Deployment) -> list[dict[str, Any]]:
    text = deployment.workers[0].log.read_text()
    return [json.loads(line) for line in text.splitlines() if line.startswith("{")]


@pytest.mark.parametrize("pool", ["threads", "prefork"])
def test_a_worker_logs_one_line_for_each_attempt_and_nothing_that_was_returned(
    deployment: Deployment, pool: str
) -> None:
    deployment.sandbox.fault("F10", variant="before", form="503", times=1, match={"path_prefix": "/v1/payment"})
    deployment.worker("-E", pool=pool, LOCKGATE_LOG="json")  # so that Celery tells of the success as well
    result = start_payment.delay(order_id="log-1", amount=4200, currency="gbp")
    assert "client_secret" in result.get(timeout=PATIENCE)["result"]
    eventually(lambda: any("succeeded in" in line["event"] for line in lines(deployment)))

    attempts = [line for line in lines(deployment) if line["event"] == "attempt"]
    assert [line["attempt"] for line in attempts] == list(range(1, len(attempts) + 1))
    assert len(attempts) == deployment.row("fence", result.id)
    first, last = attempts[0], attempts[-1]
    assert (first["status"], first["outcome"], first["effect"], first["decision"]) == (
        503,
        "failed",
        "unknown",
        "retry",
    )
    assert (last["outcome"], last["effect"], last["decision"]) == ("succeeded", "done", "settle")
    assert last["sent"] == "POST /v1/payment_intents"
    assert last["ticket"] == result.id
    assert last["elapsed"] > 0
    text = deployment.workers[0].log.read_text()
    assert result.get()["result"]["client_secret"] not in text
    assert deployment.environment["LOCKGATE_STRIPE_API_KEY"] not in text


def test_what_celery_tells_flower_holds_neither_arguments_nor_results(deployment: Deployment) -> None:
    told: list[dict[str, Any]] = []
    with app.connection_for_read() as connection:
        receiver = app.events.Receiver(connection, handlers={"*": told.append})
        listening = threading.Thread(target=_listen, args=(receiver, told))
        listening.start()
        deployment.worker("-E")
        app.send_task(
            "tasks.payments.start_payment",
            kwargs={"order_id": "log-2", "amount": 4200, "currency": "gbp"},
            queue="stripe",
            task_id="foreign-1",
            argsrepr="canary",
            kwargsrepr="canary",
        )
        listening.join(60)
    assert {"task-received", "task-succeeded"} <= {event["type"] for event in told}
    assert [event for event in told if "canary" in str(event) or "client_secret" in str(event)] == []


def _listen(receiver: Any, told: list[dict[str, Any]]) -> None:
    for _ in receiver.itercapture(limit=None, timeout=60, wakeup=True):
        if any(event["type"] == "task-succeeded" for event in told):
            receiver.should_stop = True
            return
