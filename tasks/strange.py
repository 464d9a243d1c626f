"""Messages that are none of ours: counted where operators look, for a line in a worker's log is read by nobody at night."""

import time
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import redis
from celery.signals import task_unknown
from kombu.utils.encoding import bytes_to_str

from resilience.way import PREFIX
from tasks.platform import platform

KEY = f"{PREFIX}strange"
_KEPT = 3600  # seconds after the last one for which they are told of


@dataclass(frozen=True, slots=True)
class Strange:
    """What was dropped lately.

    Attributes:
        count: since an hour went by without any.
        why: of the last one.
        age: seconds since the last one.
    """

    count: int
    why: str
    age: float

    @property
    def sentence(self) -> str:
        """For people."""
        return (
            f"{self.count} messages that are none of ours were dropped, the last {self.age:.0f} s ago ({self.why}): "
            "somebody else writes into this Redis, or publishes a task that no worker here knows"
        )


def note(why: str) -> None:
    """Count one. Where Redis does not answer only the log has it."""
    with suppress(redis.RedisError):
        pipe = platform().redis.pipeline(transaction=False)
        pipe.hincrby(KEY, "count", 1)
        pipe.hset(KEY, mapping={"why": why, "at": time.time()})
        pipe.expire(KEY, _KEPT)
        pipe.execute()


def look(client: redis.Redis) -> Strange | None:
    """What was dropped lately; None where nothing was.

    Raises:
        redis.RedisError: nobody can say.
    """
    count, why, at = client.hmget(KEY, "count", "why", "at")
    if count is None or why is None or at is None:
        return None
    return Strange(int(count), bytes_to_str(why), max(0.0, time.time() - float(at)))


@task_unknown.connect
def _unknown(**_: Any) -> None:
    note("a task that is not known")
