"""What people decide about a group of dead letters: who is at it, whether it is looked at, whether its cause is mended."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from ledger import audit, groups
from ledger.audit import Order
from ledger.groups import Group, Standing
from ledger.session import Connection, Ledger
from operations.errors import NotAllowedError

_LONGEST_NAME = 40
_MOST_TAGS = 12


@dataclass
class _Held:
    connection: Connection
    group: Group


def target(fingerprint: str) -> str:
    """What the audit calls a group."""
    return f"group:{fingerprint}"


def acknowledge(ledger: Ledger, fingerprint: str, order: Order) -> Group:
    """Somebody is at it.

    Raises:
        NotAllowedError: there is no such group, or somebody else is at it.
    """
    with _held(ledger, fingerprint) as held:
        if held.group.status == "acknowledged" and held.group.assignee not in {None, order.actor}:
            since = f"{held.group.status_at:%Y-%m-%d %H:%M}"
            raise NotAllowedError(f"group {fingerprint} was acknowledged by {held.group.assignee} at {since}")
        groups.describe(held.connection, held.group, assignee=order.actor, tags=held.group.tags)
        return _stand(held, order, "acknowledge", Standing("acknowledged"))


def ignore(
    ledger: Ledger, fingerprint: str, order: Order, *, seconds: float | None = None, rate: int | None = None
) -> Group:
    """Leave it out of what people are shown, until a time or until more than `rate` letters come within an hour.

    Raises:
        NotAllowedError: there is no such group, or neither or both are given.
    """
    if (seconds is None) == (rate is None) or (seconds or 1) <= 0 or (rate or 0) < 0:
        raise NotAllowedError(
            "say for how long, or up to how many letters an hour, it is to be ignored: one of the two"
        )
    with _held(ledger, fingerprint) as held:
        return _stand(held, order, "ignore", Standing("ignored", seconds, rate))


def resolve(ledger: Ledger, fingerprint: str, order: Order) -> Group:
    """Its cause is mended; a letter that comes after this opens it again. The letters that there are stay as they are.

    Raises:
        NotAllowedError: there is no such group.
    """
    with _held(ledger, fingerprint) as held:
        return _stand(held, order, "resolve", Standing("resolved"))


def reopen(ledger: Ledger, fingerprint: str, order: Order) -> Group:
    """It is looked at again.

    Raises:
        NotAllowedError: there is no such group.
    """
    with _held(ledger, fingerprint) as held:
        return _stand(held, order, "reopen", Standing("open"))


def assign(ledger: Ledger, fingerprint: str, order: Order, to: str | None) -> Group:
    """Say who is at it; None for nobody.

    Raises:
        NotAllowedError: there is no such group, or it is no name.
    """
    if to is not None and not 0 < len(to.strip()) <= _LONGEST_NAME:
        raise NotAllowedError(f"an assignee is a name of 1 to {_LONGEST_NAME} characters")
    with _held(ledger, fingerprint) as held:
        after = groups.describe(held.connection, held.group, assignee=to and to.strip(), tags=held.group.tags)
        return _noted(held, order, "assign", after)


def tag(
    ledger: Ledger, fingerprint: str, order: Order, *, add: Sequence[str] = (), remove: Sequence[str] = ()
) -> Group:
    """Add and take away words.

    Raises:
        NotAllowedError: there is no such group, or these are no tags.
    """
    words = [word.strip() for word in add]
    if not all(0 < len(word) <= _LONGEST_NAME for word in words):
        raise NotAllowedError(f"a tag is a word of 1 to {_LONGEST_NAME} characters")
    with _held(ledger, fingerprint) as held:
        tags = sorted({*held.group.tags, *words} - {word.strip() for word in remove})
        if len(tags) > _MOST_TAGS:
            raise NotAllowedError(f"a group holds {_MOST_TAGS} tags: take some away")
        after = groups.describe(held.connection, held.group, assignee=held.group.assignee, tags=tags)
        return _noted(held, order, "tag", after)


def note(ledger: Ledger, fingerprint: str, order: Order) -> None:
    """Leave a note: the order's reason, for whoever looks next.

    Raises:
        NotAllowedError: there is no such group.
    """
    with _held(ledger, fingerprint) as held:
        _noted(held, order, "note", held.group)


@contextmanager
def _held(ledger: Ledger, fingerprint: str) -> Iterator[_Held]:
    groups.fold(ledger)
    with ledger.transaction() as connection:
        group = groups.lock(connection, fingerprint)
        if group is None:
            raise NotAllowedError(
                f"there is no group {fingerprint}: `lockgate deadletter groups --status all` shows those there are"
            )
        yield _Held(connection, group)


def _stand(held: _Held, order: Order, action: str, standing: Standing) -> Group:
    groups.change(held.connection, held.group, standing, by=order.actor)
    after = groups.get(held.connection, held.group.fingerprint)
    assert after is not None
    return _noted(held, order, action, after)


def _noted(held: _Held, order: Order, action: str, after: Group) -> Group:
    name = target(held.group.fingerprint)
    audit.note(held.connection, order, action, name, before=held.group.as_json(), after=after.as_json())
    return after
