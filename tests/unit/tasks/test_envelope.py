import json
from typing import Any

import pytest
from given.hostile import envelope, hint

from tasks.envelope import trouble

FINE = json.loads(envelope(b"[[], {}, {}]"))


def changed(*path: str, to: Any) -> Any:
    whole = json.loads(json.dumps(FINE))
    part = whole
    for name in path[:-1]:
        part = part[name]
    part[path[-1]] = to
    return whole


def test_what_kombu_writes_is_fine() -> None:
    assert trouble(FINE) == ""
    assert trouble(json.loads(hint(about={"v": 1}, timelimit=[10, None], eta="2026-11-24T00:00:00+00:00"))) == ""


@pytest.mark.parametrize(
    "message",
    [
        None, 7, [], {}, changed("properties", to=[]), changed("properties", "delivery_tag", to={}), changed("body", to={}),
        changed("properties", "delivery_info", to=7), changed("content-type", to=[1]), changed("headers", to=None),
        changed("headers", "id", to={"a": 1}), changed("headers", "id", to="a\0b"), changed("headers", "id", to="\ud800"),
        changed("headers", "task", to=["x"]), changed("headers", "root_id", to=[]), changed("headers", "timelimit", to=[1]),
        changed("headers", "timelimit", to=["1", "2"]), changed("headers", "expires", to={}),
    ],
)  # fmt: skip
def test_what_would_end_a_worker_is_told_before_it_does_and_shows_no_value(message: Any) -> None:
    assert trouble(message)
    assert "\0" not in trouble(message)
