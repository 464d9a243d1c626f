"""A list in Redis that is long enough gets no more hints from callers, until it is shorter."""

import redis

from tasks.crowd import Crowd


def test_a_long_list_is_full_until_it_is_shorter_and_others_are_not() -> None:
    now, length, asked = [100.0], [10], []
    crowd = Crowd(lambda key: asked.append(key) or length[0], enough=10, clock=lambda: now[0])  # type: ignore[func-returns-value]
    crowd.saw("stripe", 9)
    assert not crowd.full("stripe")
    crowd.saw("stripe", 10)
    assert crowd.full("stripe")
    assert not crowd.full("stripe", 9)
    assert not crowd.full("postmark")
    for _ in range(3):
        now[0] += 1.1
        assert crowd.full("stripe")  # still as long, which was asked once a second
        assert crowd.full("stripe")
    assert asked == ["stripe"] * 3
    now[0] += 1.1
    length[0] = 9
    assert not crowd.full("stripe")
    assert not crowd.full("stripe")
    assert asked == ["stripe"] * 4


def test_each_priority_has_a_list_of_its_own() -> None:
    crowd = Crowd(lambda _: 0, enough=1)
    crowd.saw("stripe\x06\x169", 1)
    assert crowd.full("stripe", 9)
    assert not crowd.full("stripe", 0)


def test_a_redis_that_is_away_is_for_the_publisher_to_notice() -> None:
    def away(_: str) -> int:
        raise redis.ConnectionError("nobody there")

    now = [0.0]
    crowd = Crowd(away, enough=1, clock=lambda: now[0])
    crowd.saw("stripe", 1)
    now[0] += 2.0
    assert not crowd.full("stripe")
