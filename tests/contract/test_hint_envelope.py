"""A hint is written to Redis by ourselves: it must be what kombu would have written, where kombu would look for it."""

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
import redis
from kombu import Connection, Consumer, Queue

from ledger.due import Hint
from resilience.wire import Wire
from tasks import hint
from tasks.configuration import Configuration
from tasks.crowd import Crowd
from tasks.publishing import post

OPTIONS = Configuration.broker_transport_options
NO_ARGUMENTS = [[], {}, {"callbacks": None, "errbacks": None, "chain": None, "chord": None}]


@dataclass
class Out:
    wire: Wire
    crowd: Crowd = field(default_factory=lambda: Crowd(lambda _: 0))


def a_hint(priority: int = 0, ticket: str = 'a-"ticket"-ü') -> Hint:
    return Hint(ticket, "tasks.payments.take_payment", "stripe", priority, "acme", "stripe")


def written_by_kombu(url: str, one: Hint) -> None:
    with Connection(url, transport_options=OPTIONS) as connection, connection.channel() as channel:
        producer: Any = connection.Producer(channel, auto_declare=False)
        producer.publish(
            NO_ARGUMENTS, exchange="", routing_key=one.queue, serializer="json", headers=hint.headers(one),
            delivery_mode=2, retry=False, correlation_id=one.ticket_id, priority=one.priority,
        )  # fmt: skip


@pytest.mark.parametrize("priority", [0, 3, 9])
def test_a_hint_is_written_as_kombu_writes_it(redis_url: str, priority: int) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert post(Out(Wire(client)), [a_hint(priority)])
        written_by_kombu(redis_url, a_hint(priority))
        key = hint.queue_key("stripe", priority)
        theirs, ours = (json.loads(message) for message in client.lrange(key, 0, -1))
        assert client.keys("stripe*") == [key.encode()]
    assert len(ours["properties"].pop("delivery_tag")) >= 32
    del theirs["properties"]["delivery_tag"]
    assert json.loads(hint.base64.b64decode(ours.pop("body"))) == NO_ARGUMENTS
    assert json.loads(hint.base64.b64decode(theirs.pop("body"))) == NO_ARGUMENTS
    assert ours == theirs


def test_kombu_delivers_hints_in_the_order_in_which_they_were_published(redis_url: str) -> None:
    hints = [a_hint(ticket=f"ticket-{number}") for number in range(3)]
    with redis.Redis.from_url(redis_url) as client:
        assert post(Out(Wire(client)), hints)
    heard: list[Any] = []
    with Connection(redis_url, transport_options=OPTIONS) as connection, connection.channel() as channel:
        queue = Queue("stripe", routing_key="stripe")
        with Consumer(channel, [queue], callbacks=[lambda body, message: heard.append((body, message.headers))]):
            while len(heard) < len(hints):
                connection.drain_events(timeout=60)
    assert [headers["id"] for _, headers in heard] == [one.ticket_id for one in hints]
    assert all(body == ([], {}, {}) and hint.is_hint(headers) for body, headers in heard)


def test_a_broker_that_is_away_is_no_error_of_the_publisher() -> None:
    with redis.Redis(port=1, retry=None) as client:
        assert not post(Out(Wire(client)), [a_hint()])
