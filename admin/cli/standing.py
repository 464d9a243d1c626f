"""How the way to a provider stands: what the ledger knows, and what Redis says now."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

import click
import redis

from admin.cli import paper
from admin.cli.deployment import Deployment
from admin.cli.trouble import sentence
from config.errors import ConfigError
from ledger import breakers, lowered, pauses, waiting
from ledger.breakers import Hold, Known
from ledger.lowered import InForce
from ledger.pauses import Pause
from ledger.session import Connection
from ledger.waiting import BOUND, Waiting
from resilience.forecast import Forecast
from resilience.traffic import Lane

_HORIZON = 1.0  # seconds of which the room is told


@dataclass(frozen=True)
class Room:
    """What one tenant's kind would be granted within a second; None where nothing limits it."""

    tenant: str
    kind: str
    room: int | None


@dataclass(frozen=True)
class Fleet:
    """What Redis says of the breaker now: `unknown` while admission is shut after it lost its state."""

    breaker: str
    retry_in: float
    probing: bool


@dataclass(frozen=True)
class Standing:
    """How the way to one provider stands.

    Attributes:
        fleet: what Redis says; None when it cannot be asked.
        credentials: the tenants whose credentials are missing, and the sentence that says what to set.
    """

    provider: str
    file: str
    base_url: str
    ledger: Known
    fleet: Fleet | None
    held: Hold | None
    limits: list[str]
    room: list[Room]
    lowered: list[InForce]
    pauses: list[Pause]
    calling: int
    waiting: list[Waiting]
    dead_letters: int
    credentials: dict[str, str]
    redis: str = field(default="")


def standings(here: Deployment, names: Sequence[str], *, tenants: Sequence[str] | None = None) -> list[Standing]:
    """How the way to each of these providers stands.

    Args:
        here: whom to ask.
        names: of providers.
        tenants: those whose work counts; all when None.

    Raises:
        psycopg.OperationalError: the ledger cannot be asked; without it nothing is known.
    """
    with here.ledger.connection() as connection:
        work = _Work(
            waiting.waiting(connection, names, tenants),
            waiting.lanes(connection, names, tenants),
            waiting.calling(connection, tenants),
            waiting.dead(connection, tenants),
            tenants,
        )
        return [_standing(here, connection, name, work) for name in names]


@dataclass(frozen=True)
class _Work:
    waiting: list[Waiting]
    lanes: list[tuple[str, str, str]]
    calling: dict[str, int]
    dead: dict[str, int]
    tenants: Sequence[str] | None


def _seen(tenant: str | None, tenants: Sequence[str] | None) -> bool:
    """Whether what concerns a tenant, or all of them, is told to somebody who may see these."""
    return tenants is None or tenant is None or tenant in tenants


def _standing(here: Deployment, connection: Connection, name: str, work: _Work) -> Standing:
    provider = here.registry.provider(name)
    own = [(tenant, kind) for of, tenant, kind in work.lanes if of == name]
    fleet, room, trouble = _ask_redis(here, name, own)
    return Standing(
        provider=name,
        file=provider.path,
        base_url=provider.base_url,
        ledger=breakers.known(connection, name),
        fleet=fleet,
        held=breakers.held(connection, name),
        limits=[limit.name for limit in provider.traffic.limits],
        room=room,
        lowered=[each for each in lowered.in_force(connection, name) if _seen(each.limit.tenant or None, work.tenants)],
        pauses=[each for each in pauses.in_force(connection, name) if _seen(each.tenant, work.tenants)],
        calling=work.calling.get(name, 0),
        waiting=[each for each in work.waiting if each.provider == name],
        dead_letters=work.dead.get(name, 0),
        credentials=dict(_missing(here, name, _whose(own, work.tenants))),
        redis=trouble,
    )


def _whose(lanes: Sequence[tuple[str, str]], tenants: Sequence[str] | None) -> list[str]:
    """The tenants whose credentials are looked for."""
    return sorted({*(["default"] if _seen("default", tenants) else []), *(tenant for tenant, _ in lanes)})


def _ask_redis(here: Deployment, name: str, lanes: list[tuple[str, str]]) -> tuple[Fleet | None, list[Room], str]:
    asked = [(Lane(name, tenant, kind), _cost(here, kind)) for tenant, kind in lanes]
    try:
        first, *each = here.admission.forecasts([(Lane(name, "default", ""), 1.0), *asked], horizon=_HORIZON)
    except redis.RedisError as error:
        return None, [], sentence(error) or str(error)
    rooms = [Room(tenant, kind, one.room) for (tenant, kind), one in zip(lanes, each, strict=True)]
    return _fleet(first), rooms, ""


def _fleet(forecast: Forecast) -> Fleet:
    return Fleet(forecast.breaker or "unknown", forecast.retry_in, forecast.probing)


def _cost(here: Deployment, kind: str) -> float:
    bound = here.kind(kind)
    return bound.section.cost if bound is not None else 1.0


def _missing(here: Deployment, name: str, tenants: Sequence[str]) -> Iterator[tuple[str, str]]:
    for tenant in tenants:
        try:
            here.registry.credentials(here.registry.provider(name), tenant)
        except ConfigError as error:
            yield tenant, error.message


def trouble(found: Sequence[Standing], *, named: bool) -> list[str]:
    """What keeps the answer from being whole, or work from going out; missing credentials count where one was asked for."""
    said = [one.redis for one in found if one.redis]
    if named:
        said += [why for one in found for why in one.credentials.values()]
    return list(dict.fromkeys(said))


def write(found: Sequence[Standing]) -> None:
    """For people."""
    for one in found:
        click.secho(one.provider, bold=True)
        paper.facts(
            {
                "address": one.base_url,
                "breaker": _breaker(one),
                "held by hand": one.held
                and f"{one.held.held}, by {one.held.by} since {paper.shown(one.held.at)}: {one.held.because}",
                "paused": "; ".join(_pause(each) for each in one.pauses),
                "limits": "; ".join(one.limits) or "none",
                "lowered": "; ".join(_lowered(each) for each in one.lowered),
                "credentials": "; ".join(one.credentials.values()),
                "calling": one.calling,
                "dead letters": f"{one.dead_letters}{_look(one)}",
            }
        )
        _write_lanes(one)
        click.echo()


def _breaker(one: Standing) -> str:
    known = f"{one.ledger.state} in the ledger (tripped {one.ledger.trip} times)"
    if one.fleet is None:
        return f"{known}, Redis cannot be asked"
    after = f", a probe in {paper.lasting(one.fleet.retry_in)}" if one.fleet.retry_in > 0 and one.held is None else ""
    if one.fleet.breaker == "unknown":
        after = ": admission is shut until a worker's sweep has filled in what Redis lost"
    return f"{one.fleet.breaker}{after}{', a probe is under way' if one.fleet.probing else ''}; {known}"


def _pause(each: Pause) -> str:
    whom = " ".join(part for part in (each.kind, each.tenant and f"tenant {each.tenant}") if part) or "all"
    return f"{whom} by {each.by} since {paper.shown(each.since)} ({each.cause}): {each.because}"


def _lowered(each: InForce) -> str:
    return f"{each.limit.name} by {each.by} until {paper.shown(each.ends_at)}: {each.because}"


def _look(one: Standing) -> str:
    return f" (lockgate deadletter groups --provider {one.provider})" if one.dead_letters else ""


def _write_lanes(one: Standing) -> None:
    if not one.waiting:
        return
    rooms = {(each.tenant, each.kind): each.room for each in one.room}
    rows = [
        (
            each.tenant, each.kind, each.state, each.why, f"{each.count}{'+' if each.count >= BOUND else ''}",
            paper.lasting(each.oldest), "now" if each.due_in <= 0 else f"in {paper.lasting(each.due_in)}",
            _room(rooms.get((each.tenant, each.kind))),
        )
        for each in one.waiting
    ]  # fmt: skip
    paper.table(("tenant", "kind", "state", "why", "count", "oldest", "due", "room for 1 s"), rows, title="what waits")


def _room(room: int | None) -> str:
    return "no limit" if room is None else str(room)
