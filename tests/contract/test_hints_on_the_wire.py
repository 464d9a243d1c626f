"""What reaches Redis: hints of at most 1 KiB, with nothing personal in them, however large the canvas."""

from collections.abc import Callable
from typing import Any

import pytest
import redis
from celery import chain, chord, group
from given.deployment import Deployment
from given.orders import order
from given.shop import alarm, note

from tasks import hint
from tasks.app import app
from tasks.mail import send_email
from tasks.payments import take_payment

CANARY = "Erika Mustermann"


def mail(number: int) -> Any:
    return send_email.si(
        mail_id=f"mail-{number}", sender="shop@example.com", to="erika.mustermann@example.com", subject=CANARY,
        text=CANARY * 1000, tag="erika",
    )  # fmt: skip


def pay(number: int) -> Any:
    return take_payment.si(**order(f"order-{number}", customer="cus_erika"))


CANVAS: dict[str, Callable[[], Any]] = {
    "a pipeline of groups": lambda: chain(*(group(mail(10 * row + at) for at in range(10)) for row in range(25))),
    "a long chain": lambda: chain(*(mail(number) for number in range(200))),
    "a chord of many": lambda: chord([pay(number) for number in range(100)], note.s(CANARY)),
    "links and errbacks": lambda: mail(1).set(link=[note.s(CANARY)] * 20, link_error=[alarm.s(CANARY)] * 20),
    "a plain task": lambda: note.s({"name": CANARY, "text": "x" * 100_000}, "erika"),
    "stamped": lambda: stamped(note.s(CANARY, "erika"), customer="erika.mustermann@example.com"),
    "with every option": lambda: mail(2).set(
        priority=9, expires=3600, soft_time_limit=10, time_limit=20, headers={"customer": CANARY}, shadow=CANARY,
        argsrepr=CANARY, kwargsrepr=CANARY, reply_to="erika",
    ),
}  # fmt: skip


def stamped(signature: Any, **headers: Any) -> Any:
    signature.stamp(**headers)
    return signature


def on_the_wire(url: str) -> list[bytes]:
    """Every message in Redis, raw: the transport's envelope with headers, properties and body."""
    with redis.Redis.from_url(url) as client:
        queues = [hint.queue_key(name, priority) for name in app.amqp.queues for priority in (0, 9)]
        return [message for queue in dict.fromkeys(queues) for message in client.lrange(queue, 0, -1)]


@pytest.mark.parametrize("name", CANVAS)
def test_what_travels_is_small_and_says_nothing_personal(deployment: Deployment, name: str) -> None:
    CANVAS[name]().apply_async()
    messages = on_the_wire(deployment.valkey.url)
    assert messages
    assert max(len(message) for message in messages) <= hint.LARGEST
    everything = b"".join(messages).lower()
    with redis.Redis.from_url(deployment.valkey.url) as client:
        everything += b"".join(
            repr(value).encode().lower() for key in client.scan_iter() for value in (key, held(client, key))
        )
    for word in ("erika", "mustermann"):
        assert word.encode() not in everything
        assert hint.base64.b64encode(word.encode()).rstrip(b"=") not in everything


def held(client: Any, key: bytes) -> Any:
    """Whatever Redis holds under a key."""
    match client.type(key):
        case b"list":
            bodies = [hint.json.loads(message)["body"] for message in client.lrange(key, 0, -1)]
            return [hint.base64.b64decode(body) for body in bodies]
        case b"hash":
            return client.hgetall(key)
        case b"zset":
            return client.zrange(key, 0, -1)
        case b"set":
            return client.smembers(key)
        case _:
            return client.get(key)


def test_the_largest_names_that_are_allowed_fit(deployment: Deployment) -> None:
    longest = order("o" * 200, tenant="t" * 64)
    take_payment.apply_async(kwargs=longest, task_id="i" * 64, headers={"traceparent": f"00-{'a' * 32}-{'b' * 16}-01"})
    assert [len(message) <= hint.LARGEST for message in on_the_wire(deployment.valkey.url)] == [True]
