"""A Redis whose scripts admit."""

from collections.abc import Iterator

import pytest
import redis

from resilience import restore


@pytest.fixture
def client(redis_url: str) -> Iterator[redis.Redis]:
    with restore.connect(redis_url) as connected:
        restore.shut(connected, epoch=1, seconds=0)
        restore.reopen(connected, epoch=1, usages=(), breakers={})
        yield connected
