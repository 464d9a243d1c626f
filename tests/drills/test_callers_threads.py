"""Applications ask from threads that they started themselves: Celery's current app is not ours there."""

import threading
from typing import Any

import redis
from given.deployment import Deployment

from tasks.payments import take_payment


def in_a_thread_of_its_own(action: Any) -> Any:
    told: list[Any] = []
    thread = threading.Thread(target=lambda: told.append(action()))
    thread.start()
    thread.join()
    return told[0]


def test_what_many_ask_for_in_a_thread_is_hinted_at_once_in_our_redis(deployment: Deployment) -> None:
    wanted = [
        {"order_id": f"thread-{number}", "amount": 100, "currency": "gbp", "customer": "cus_demo1"}
        for number in range(3)
    ]
    told = in_a_thread_of_its_own(lambda: take_payment.accept_many(wanted))
    assert [answer.answer for answer in told] == ["accepted"] * 3
    with redis.Redis.from_url(deployment.valkey.url) as client:
        assert client.llen("stripe") == 3
