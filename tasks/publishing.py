"""Publish hints: after a commit, from a command, from the sweep."""

from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Any, Protocol

import redis

from config import crashpoint
from ledger.due import Hint
from resilience.wire import Wire
from tasks import bundle
from tasks.crowd import Crowd
from tasks.platform import platform

_MOST = 500  # messages in one command


class Outlet(Protocol):
    """What publishing needs of the platform."""

    wire: Wire
    crowd: Crowd


def publish(hints: Sequence[Hint]) -> bool:
    """Publish hints; False when the broker is away, which the sweep makes good."""
    return post(platform(), hints) if hints else True


def post(outlet: Outlet, hints: Iterable[Hint], *, more: Mapping[str, Any] | None = None) -> bool:
    """Publish hints, with headers for each; False when the broker is away, which costs time and nothing else."""
    waiting = bundle.messages(hints, more=more)
    crashpoint.reached("hint.before_publish")
    try:
        for key, messages in waiting.items():
            _push(outlet, key, messages)
    except redis.RedisError:
        return False
    crashpoint.reached("hint.after_publish")
    return True


def put_back(outlet: Outlet, hints: Sequence[Hint]) -> None:
    """Hints that were taken and are left to others, in front of all that wait; if Redis is away, the sweep has them."""
    with suppress(redis.RedisError):
        for key, messages in bundle.messages(hints, spread=1).items():  # in as few as they came in
            _push(outlet, key, messages[::-1], command="RPUSH")


def _push(outlet: Outlet, key: str, messages: Sequence[str], *, command: str = "LPUSH") -> None:
    for start in range(0, len(messages), _MOST):
        outlet.crowd.saw(key, int(outlet.wire.command(command, key, *messages[start : start + _MOST])))
