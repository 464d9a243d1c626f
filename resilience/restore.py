"""Redis lost its state: notice it, keep admission shut, and fill in again what must not be forgotten.

1. A server that restarted, failed over or was flushed has no valid `state`: a connection to a server with another run id
   deletes it before any other command, and a flush takes it along.
2. Without `state` nothing is admitted.
3. The sweep raises the ledger's hint epoch, then writes `state` as *shut*, for the shortest window and a permit's life.
4. After that it rebuilds the limits from the ledger's attempts and the seats from live leases, and opens.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Literal

import redis
from redis.backoff import NoBackoff
from redis.connection import AbstractConnection
from redis.retry import Retry

from resilience.breaker import OF_BEFORE, Breaker
from resilience.limiter import QUOTA_SLOTS, Limit, after_loss
from resilience.lowered import Lowered
from resilience.lowered import write as write_lowered
from resilience.traffic import Lane, Traffic
from resilience.way import STATE, breaker_key, limit_key

# Runs on every new connection, before any command of ours: what is stored belongs to the server that stored it.
_GREET = """
local run_id = string.match(redis.call('INFO', 'server'), 'run_id:(%w+)')
local stored = redis.call('HGET', KEYS[1], 'run_id')
if stored and stored ~= run_id then
  redis.call('DEL', KEYS[1])
end
return run_id
"""


class Phase(StrEnum):
    """Whether Redis holds what admission needs."""

    LOST = "lost"
    SHUT = "shut"
    OPEN = "open"


@dataclass(frozen=True, slots=True)
class Memory:
    """What Redis remembers of itself.

    Attributes:
        epoch: the ledger's hint epoch that it belongs to.
        left: seconds for which admission stays shut.
    """

    phase: Phase
    epoch: int = -1
    left: float = 0.0


def connect(url: str, **options: Any) -> redis.Redis:
    """A client whose every connection voids the state of another server, or of another life of this one."""
    # Tried once more, at once: a connection that went stale is made anew, and nobody waits for a server that is away.
    retry = Retry(NoBackoff(), 1)
    return redis.Redis.from_url(
        url, redis_connect_func=_greet, retry=retry, socket_connect_timeout=2.0, socket_timeout=5.0, **options
    )


def throw_out(client: redis.Redis, keys: Mapping[str, str]) -> list[str]:
    """Delete what is not of the type that it must be: nobody could use it, and whatever lies there is not ours.

    Args:
        client: of Redis.
        keys: the type of each key, as Redis calls it.

    Returns:
        The deleted ones; with them the state went, so that limits and breakers are rebuilt.
    """
    with client.pipeline(transaction=False) as pipe:
        for key in keys:
            pipe.type(key)
        found = [_text(kind) for kind in pipe.execute()]
    wrong = [key for (key, kind), is_ in zip(keys.items(), found, strict=True) if is_ not in {kind, "none"}]
    if wrong:
        client.delete(*wrong, STATE)
    return wrong


def _greet(connection: AbstractConnection) -> None:
    connection.on_connect()  # type: ignore[no-untyped-call]
    connection.send_command("EVAL", _GREET, 1, STATE)  # type: ignore[no-untyped-call]
    connection.read_response()


def memory(client: redis.Redis) -> Memory:
    """Ask Redis what it remembers.

    Raises:
        redis.RedisError: it does not answer.
    """
    phase, epoch, until = (_text(value) for value in client.hmget(STATE, "phase", "epoch", "until"))
    if not phase or not epoch:
        return Memory(Phase.LOST)
    left = max(0.0, float(until or 0) - server_time(client)) if phase == Phase.SHUT else 0.0
    return Memory(Phase(phase), int(epoch), left)


def shut(client: redis.Redis, *, epoch: int, seconds: float) -> None:
    """Begin again: admission stays shut for so long, and then until `reopen`."""
    run_id = client.eval(_GREET, 1, STATE)
    until = server_time(client) + seconds
    client.hset(STATE, mapping={"phase": "shut", "epoch": epoch, "until": until, "run_id": run_id})


@dataclass(frozen=True, slots=True)
class Usage:
    """What one limit must not forget: the cost sent in the last window and permit life, by age, and the live leases.

    Attributes:
        sent: (seconds ago, cost).
        leases: (token, seconds left).
    """

    limit: Limit
    lane: Lane
    sent: tuple[tuple[float, float], ...] = ()
    leases: tuple[tuple[str, float], ...] = ()


def reopen(
    client: redis.Redis,
    *,
    epoch: int,
    usages: Iterable[Usage],
    breakers: Mapping[str, Breaker],
    lowered: Iterable[tuple[Traffic, Sequence[tuple[Lowered, float]]]] = (),
) -> None:
    """Write back limits, seats and breakers, then open; in one transaction, `state` last.

    Args:
        client: of Redis.
        epoch: the ledger's.
        usages: what each limit must not forget.
        breakers: of each provider.
        lowered: what people lowered, each with the cost that was sent in its last window.
    """
    now = server_time(client)
    with client.pipeline(transaction=True) as pipe:
        for usage in usages:
            _write_usage(pipe, usage, now)
        for provider, breaker in breakers.items():
            write_breaker(pipe, provider, breaker, now)
        for traffic, limits in lowered:
            write_lowered(pipe, traffic, limits, now)
        pipe.hset(STATE, mapping={"phase": "open", "epoch": epoch})
        pipe.execute()


def write_breaker(client: "redis.client.Pipeline | redis.Redis", provider: str, breaker: Breaker, now: float) -> None:
    """Write a breaker as the ledger knows it; its times are seconds from now."""
    key = breaker_key(provider)
    client.delete(key)
    fields: Mapping[Any, Any] = {
        "state": breaker.state.value,
        "trip": breaker.trip,
        "opens": breaker.opens,
        "retry_at": now + breaker.retry_at,
        "closed_at": now + breaker.closed_at,
        "probe": breaker.probe,
        "probe_until": now + breaker.probe_until,
        "held": breaker.held,
    }
    client.hset(key, mapping=fields)


# Whoever may have become the probe meanwhile stays it.
_FORGET = """
if redis.call('HGET', KEYS[1], 'probe') == ARGV[1] then
  redis.call('HSET', KEYS[1], 'probe', '', 'probe_until', 0)
end
"""


def forget_probe(client: redis.Redis, provider: str) -> None:
    """No call of before the loss is under way any more: a breaker that waited for them may be tried."""
    client.eval(_FORGET, 1, breaker_key(provider), OF_BEFORE)


def hold(client: redis.Redis, provider: str, held: Literal["", "open", "closed"]) -> None:
    """Put an operator's order into effect; the ledger holds it, this is its copy."""
    client.hset(breaker_key(provider), "held", held)


def traffic_pause(policies: Iterable[Traffic]) -> float:
    """Seconds for which admission stays shut after a loss: the longest of the shortest windows, and a permit's life."""
    return max((policy.shortest_window + policy.permit_life for policy in policies), default=1.0)


def _write_usage(pipe: "redis.client.Pipeline", usage: Usage, now: float) -> None:
    limit, key = usage.limit, limit_key(usage.limit, usage.lane)
    pipe.delete(key)
    if limit.concurrent:
        if usage.leases:
            pipe.zadd(key, {token: now + left for token, left in usage.leases})
    elif limit.long:
        width = limit.per / QUOTA_SLOTS
        for ago, cost in usage.sent:
            pipe.hincrbyfloat(key, str(int((now - ago) / width)), cost)
        pipe.expire(key, int(limit.per * 1.2))
    else:
        bucket = after_loss(limit, sum(cost for _, cost in usage.sent), now)
        pipe.hset(key, mapping={"tokens": bucket.tokens, "at": bucket.at})


def _text(value: bytes | str | None) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""


def server_time(client: redis.Redis) -> float:
    """Seconds by the clock of Redis."""
    seconds, microseconds = client.time()
    return float(seconds) + float(microseconds) / 1e6
