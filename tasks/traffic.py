"""The fleet's traffic, between Redis that shares it and the ledger that remembers it."""

import redis

from integrations.registry import Provider
from ledger import breakers, lowered, usage
from ledger.breakers import Known
from ledger.guard import raise_epoch
from ledger.session import Connection
from resilience import lowered as limits
from resilience import restore
from resilience.breaker import OF_BEFORE, Breaker, BreakerState, after_loss
from resilience.limiter import Limit
from resilience.lowered import Lowered
from resilience.restore import Phase, Usage
from resilience.traffic import Lane, Traffic
from resilience.way import STATE, breaker_key, lowered_key
from tasks.platform import Platform

_GRAIN = 60.0  # seconds; finer than any slot of a long window


def breaker_now(platform: Platform, connection: Connection, provider: str) -> Known | None:
    """A breaker as the fleet has it now; None when Redis cannot say."""
    held = breakers.known(connection, provider).held
    try:
        state, trip = (_text(value) for value in platform.redis.hmget(breaker_key(provider), "state", "trip"))
        if restore.memory(platform.redis).phase is not Phase.OPEN:
            return None
    except redis.RedisError:
        return None
    return Known(BreakerState(state or "closed"), int(trip or 0), held=held)


def remember(platform: Platform, connection: Connection, epoch: int) -> int | None:
    """See to it that Redis holds what admission needs; the hint epoch, or None while admission is shut.

    1. Redis lost its state: every hint counts as lost, in the ledger first; Redis is told last, and stays shut.
    2. When no permit of before can be in use any more, limits and breakers are rebuilt from the ledger, and it opens.
    """
    memory = restore.memory(platform.redis)
    traffic = [provider.traffic for provider in platform.registry.providers.values()]
    if memory.phase is Phase.LOST or memory.epoch != epoch:
        if memory.phase is Phase.LOST and not raise_epoch(connection, epoch):
            return None  # another sweep was faster
        new = epoch + 1 if memory.phase is Phase.LOST else epoch
        # Before the first epoch nothing was ever admitted, so nothing can be on its way.
        restore.shut(platform.redis, epoch=new, seconds=restore.traffic_pause(traffic) if epoch else 0.0)
        return remember(platform, connection, new) if not epoch else None
    if memory.phase is Phase.SHUT:
        if memory.left > 0:
            return None
        _reopen(platform, connection, epoch)
    return epoch


def sync_breakers(platform: Platform, connection: Connection) -> None:
    """Write down moves that whoever caused them could not; put people's orders into effect."""
    for name in platform.registry.providers:
        last = breakers.known(connection, name)
        key = breaker_key(name)
        known = platform.redis.hmget(key, "state", "trip", "held", "probe")
        state, trip, held, probe = (_text(value) for value in known)
        if (held or "") != last.held:
            restore.hold(platform.redis, name, last.held)
        if probe == OF_BEFORE and not _under_way(connection, name):
            restore.forget_probe(platform.redis, name)
        now, trips = BreakerState(state or "closed"), int(trip or 0)
        if BreakerState.HALF_OPEN not in {now, last.state} and (now is not last.state or trips > last.trip):
            breakers.note(
                connection, name, before=last.state, after=now, trip=trips, retry_in=0.0, worker=platform.worker
            )


def sync_lowered(platform: Platform, connection: Connection) -> None:
    """Put limits that people lowered into effect, and end those whose time is over."""
    policies = [provider.traffic for provider in platform.registry.providers.values()]
    ordered = lowered.in_force(connection)
    there = platform.redis.hmget(STATE, [lowered_key(traffic.provider) for traffic in policies])
    for traffic, has in zip(policies, there, strict=True):
        mine = [one.limit for one in ordered if one.provider == traffic.provider]
        if mine or has:
            limits.put(platform.redis, traffic, mine, restore.server_time(platform.redis))


def _reopen(platform: Platform, connection: Connection, epoch: int) -> None:
    providers = platform.registry.providers
    usages = [part for provider in providers.values() for part in _usages(connection, provider)]
    known = {name: _breaker(connection, provider.traffic) for name, provider in providers.items()}
    orders = [_lowered(connection, provider.traffic) for provider in providers.values()]
    restore.reopen(platform.redis, epoch=epoch, usages=usages, breakers=known, lowered=orders)


def _breaker(connection: Connection, traffic: Traffic) -> Breaker:
    """A breaker as the ledger knows it, which lets no probe in beside one of before."""
    left, known = _under_way(connection, traffic.provider), breakers.known(connection, traffic.provider)
    return after_loss(known.breaker(), traffic.breaker, 0.0, under_way=left)


def _under_way(connection: Connection, provider: str) -> float:
    """Seconds for which a call to a provider that the ledger knows of may still last; 0 when there is none."""
    return max((0.0, *(lease.left for lease in usage.live_leases(connection, [provider]))))  # a lapsed one is over


def _lowered(connection: Connection, traffic: Traffic) -> tuple[Traffic, list[tuple[Lowered, float]]]:
    """What people lowered of a provider's, with what it must not forget."""
    return traffic, [
        (one.limit, _sent_under(connection, traffic, one.limit))
        for one in lowered.in_force(connection, traffic.provider)
    ]


def _sent_under(connection: Connection, traffic: Traffic, limit: Lowered) -> float:
    window = limit.per + traffic.permit_life
    sent = usage.sent_lately(connection, [traffic.provider], window=window, grain=window)
    return sum(each.cost for each in sent if limit.holds(each.tenant, each.kind))


def _usages(connection: Connection, provider: Provider) -> list[Usage]:
    """What each limit of a provider must not forget, for everybody for whom it holds."""
    found: list[Usage] = []
    for limit in provider.traffic.limits:
        if limit.concurrent:
            found += _seats(connection, provider, limit)
            continue
        window = limit.per + limit.life
        grain = _GRAIN if limit.long else window
        parts: dict[Lane, list[tuple[float, float]]] = {}
        for sent in usage.sent_lately(connection, [provider.name], window=window, grain=grain):
            if limit.kind in {"", sent.kind}:
                scope = _scope(limit, sent.provider, sent.tenant, sent.kind)
                parts.setdefault(scope, []).append((sent.ago, sent.cost))
        found += [Usage(limit, lane, tuple(sent)) for lane, sent in parts.items()]
    return found


def _seats(connection: Connection, provider: Provider, limit: Limit) -> list[Usage]:
    parts: dict[Lane, list[tuple[str, float]]] = {}
    for lease in usage.live_leases(connection, [provider.name]):
        if limit.kind in {"", lease.kind}:
            scope = _scope(limit, lease.provider, lease.tenant, lease.kind)
            parts.setdefault(scope, []).append((lease.token, max(lease.left, 0.1)))
    return [Usage(limit, lane, leases=tuple(leases)) for lane, leases in parts.items()]


def _scope(limit: Limit, provider: str, tenant: str, kind: str) -> Lane:
    """For whom a limit counts; what it does not tell apart is left empty, and one key serves all."""
    return Lane(provider, tenant if "tenant" in limit.scope else "", kind if "kind" in limit.scope else "")


def _text(value: bytes | str | None) -> str:
    return value.decode() if isinstance(value, bytes) else value or ""
