"""Hold a provider's work back, or let it flow: what the command and the page both do, with a row in the audit."""

from dataclasses import asdict, dataclass
from typing import Literal

import redis

from admin.cli.deployment import Deployment
from ledger import audit, breakers, pauses
from ledger.audit import Order
from operations.errors import NotAllowedError
from resilience import restore


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
