"""What is hinted at in Redis, whatever messages it travels in."""

import json

import redis

from tasks import bundle


def hinted(client: "redis.Redis", queue: str = "stripe") -> list[str]:
    """The tickets that the messages of a queue name."""
    headers = [json.loads(raw)["headers"] for raw in client.lrange(queue, 0, -1)]
    return [ticket for each in headers for ticket in (each["id"], *bundle.others(each))]
