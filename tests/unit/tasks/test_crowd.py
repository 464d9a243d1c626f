"""A list in Redis that is long enough gets no more hints from callers, for a second."""

from tasks.crowd import Crowd


def test_a_long_list_is_full_for_a_second_and_others_are_not() -> None:
    now = [100.0]
    crowd = Crowd(enough=10, clock=lambda: now[0])
    crowd.saw("stripe", 9)
    assert not crowd.full("stripe")
    crowd.saw("stripe", 10)
    assert crowd.full("stripe")
    assert not crowd.full("stripe", 9)
    assert not crowd.full("postmark")
    now[0] += 1.1
    assert not crowd.full("stripe")


def test_each_priority_has_a_list_of_its_own() -> None:
    crowd = Crowd(enough=1)
    crowd.saw("stripe\x06\x169", 1)
    assert crowd.full("stripe", 9)
    assert not crowd.full("stripe", 0)
