"""A call without options goes past Celery's message: it must come to the same as one with it."""

import json
from typing import Any

import redis
from celery import signals
from given.deployment import Deployment
from given.orders import order

from tasks.payments import take_payment

_SAME = (
    "o.tenant, o.provider, o.kind, o.lane_id, o.state, o.reason, o.due_at <= now(), o.deadline_at - o.due_at, "
    "o.expires_at, o.hinted_at IS NOT NULL, o.hint_epoch, t.sealed, t.alias, t.follows, t.follow_at::text"
)


def hints(deployment: Deployment) -> dict[str, Any]:
    with redis.Redis.from_url(deployment.valkey.url) as client:
        found = [json.loads(message) for message in client.lrange("stripe", 0, -1)]
    return {message["headers"]["id"]: message for message in found}


def without_names(message: dict[str, Any], ticket_id: str) -> str:
    message["properties"].pop("delivery_tag")
    return json.dumps(message, sort_keys=True).replace(ticket_id, "the ticket")


def test_a_plain_call_leaves_the_same_row_and_hint_as_one_that_takes_celerys_whole_way(deployment: Deployment) -> None:
    plain = take_payment.delay(**order("plain"))
    heard: list[str] = []

    def listen(headers: dict[str, Any], **_: Any) -> None:
        heard.append(headers["id"])

    signals.before_task_publish.connect(listen)  # who listens to what is published must hear of it
    try:
        whole = take_payment.delay(**order("whole"))
    finally:
        signals.before_task_publish.disconnect(listen)
    assert heard == [whole.id]
    assert deployment.row(_SAME, plain.id) == deployment.row(_SAME, whole.id)
    published = hints(deployment)
    assert without_names(published[plain.id], plain.id) == without_names(published[whole.id], whole.id)
    assert (type(plain), plain.backend) == (type(whole), whole.backend)
