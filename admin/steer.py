"""Hold a provider's work back, or let it flow: what the command and the page both do, with a row in the audit."""

from dataclasses import asdict, dataclass
from datetime import datetime
from typing import Literal

import redis

from admin.cli.deployment import Deployment
from ledger import audit, breakers, lowered, pauses
from ledger.audit import Order
from operations.errors import NotAllowedError
from resilience import lowered as limits
from resilience import restore
from resilience.lowered import Lowered


@dataclass(frozen=True, slots=True)
class Scope:
    """Whose work an order is about: a provider's, and of it one tenant's or kind's, or all.

    Attributes:
        given: the provider as it was named.
    """

    given: str
    provider: str
    tenant: str | None
    kind: str | None

    def __str__(self) -> str:
        return (self.kind or self.provider) + (f" of tenant {self.tenant}" if self.tenant else "")


def scope(here: Deployment, provider: str, tenant: str | None, kind: str | None) -> Scope:
    """The scope that names mean; a kind may be named with or without its provider.

    Raises:
        ConfigError: there is no such provider or kind.
    """
    found = here.registry.provider(provider)
    whole = None if kind is None else f"{found.name}.{kind.removeprefix(f'{found.name}.')}"
    return Scope(provider, found.name, tenant, here.registry.kind(whole).name if whole else None)


def pause(here: Deployment, what: Scope, order: Order) -> None:
    """Hold work back: calls under way end, no other begins, and deadlines wait meanwhile.

    Raises:
        NotAllowedError: it is paused already.
    """
    with here.ledger.transaction() as connection:
        fresh = pauses.pause(
            connection, what.provider, cause="person", by=order.actor, because=order.because, tenant=what.tenant,
            kind=what.kind,
        )  # fmt: skip
        if not fresh:
            raise NotAllowedError(f"{what} is paused already: `lockgate provider status {what.given}` shows by whom")
        after = {"paused": True, "tenant": what.tenant, "kind": what.kind}
        audit.note(connection, order, "pause", what.given, before={"paused": False}, after=after)


def resume(here: Deployment, what: Scope, order: Order) -> int:
    """Lift pauses, a person's and those for refused credentials; the number lifted.

    Raises:
        NotAllowedError: nothing is paused.
    """
    with here.ledger.transaction() as connection:
        before = [
            asdict(each) | {"since": each.since.isoformat()} for each in pauses.in_force(connection, what.provider)
        ]
        lifted = pauses.lift(connection, what.provider, tenant=what.tenant, kind=what.kind)
        if not lifted:
            raise NotAllowedError(f"nothing of {what} is paused")
        after = {"paused": False, "tenant": what.tenant, "kind": what.kind, "lifted": lifted}
        audit.note(connection, order, "resume", what.given, before={"pauses": before}, after=after)
    return lifted


def hold(here: Deployment, name: str, how: Literal["", "open", "closed"], order: Order) -> bool:
    """Hold a breaker open or closed, or let it judge by itself: a row in PostgreSQL, of which Redis gets a copy.

    Returns:
        Whether Redis has its copy; when it is away, a worker's sweep tells it.

    Raises:
        NotAllowedError: nobody holds it.
    """
    with here.ledger.transaction() as connection:
        before = breakers.held(connection, name)
        if how:
            breakers.hold(connection, name, how, order)
        elif not breakers.release(connection, name):
            raise NotAllowedError(f"nobody holds the breaker of {name}: it judges by itself")
        was = {"held": before.held, "by": before.by, "because": before.because} if before else {"held": ""}
        audit.note(connection, order, f"breaker {how or 'release'}", name, before=was, after={"held": how})
    try:
        restore.hold(here.redis, name, how)
    except redis.RedisError:
        return False
    return True


LONGEST = 7 * 86_400.0  # seconds; what holds for longer belongs in the provider's file, where it is reviewed


@dataclass(frozen=True, slots=True)
class Pace:
    """What somebody lowers a limit to: so many calls in any window of so many seconds, for so many seconds."""

    calls: int
    per: float
    seconds: float


def lower(here: Deployment, what: Scope, pace: Pace, order: Order) -> tuple[datetime, bool]:
    """Lower what may be sent, for a while: a row, of which Redis gets a copy. The file's limits hold beside it.

    Returns:
        When it ends by itself, and whether Redis has its copy; when it is away, a worker's sweep tells it.

    Raises:
        NotAllowedError: the numbers make no sense, or would lower nothing.
    """
    _sensible(here, what, pace)
    with here.ledger.transaction() as connection:
        ends_at, before = lowered.lower(
            connection, what.provider, order, tenant=what.tenant, kind=what.kind, calls=pace.calls, per=pace.per,
            seconds=pace.seconds,
        )  # fmt: skip
        after = {"tenant": what.tenant, "kind": what.kind, "calls": pace.calls, "per": pace.per}
        audit.note(
            connection, order, "limit lower", what.provider,
            before={"lowered": _told(before)}, after=after | {"ends_at": ends_at.isoformat()},
        )  # fmt: skip
    return ends_at, _tell(here, what.provider)


def lift(here: Deployment, what: Scope, order: Order) -> tuple[int, bool]:
    """End lowered limits before their time: one tenant's or kind's, or all of the provider's.

    Returns:
        How many, and whether Redis knows.

    Raises:
        NotAllowedError: nothing is lowered.
    """
    with here.ledger.transaction() as connection:
        ended = lowered.lift(connection, what.provider, tenant=what.tenant, kind=what.kind)
        if not ended:
            raise NotAllowedError(f"no limit of {what} is lowered")
        audit.note(connection, order, "limit lift", what.provider, before={"lowered": _told(ended)}, after={})
    return len(ended), _tell(here, what.provider)


def _sensible(here: Deployment, what: Scope, pace: Pace) -> None:
    traffic, kind = here.registry.provider(what.provider).traffic, what.kind or ""
    if pace.calls < (least := limits.least(traffic, kind)):
        raise NotAllowedError(f"lower it to {least} calls or more; to send nothing at all, pause {what}")
    if not limits.short(pace.per):
        raise NotAllowedError("the window of a lowered limit is shorter than an hour; longer ones stand in the file")
    if not 0 < pace.seconds <= LONGEST:
        raise NotAllowedError("a limit is lowered for a week at most; what holds for longer stands in the file")
    wanted = Lowered(pace.calls, pace.per, what.tenant or "", kind, pace.seconds)
    if (beside := limits.already(traffic, wanted)) is not None:
        raise NotAllowedError(
            f"that would lower nothing: {what.provider} is limited to {beside.name} already. A limit is raised in its file"
        )


def _told(ended: list[lowered.Ended]) -> list[dict[str, object]]:
    return [asdict(each) | {"ends_at": each.ends_at.isoformat()} for each in ended]


def _tell(here: Deployment, name: str) -> bool:
    """Give Redis its copy at once; while it is away or shut, a worker's sweep does when it comes back."""
    with here.ledger.connection() as connection:
        mine = [one.limit for one in lowered.in_force(connection, name)]
    try:
        limits.put(here.redis, here.registry.provider(name).traffic, mine, restore.server_time(here.redis))
    except redis.RedisError:
        return False
    return True
