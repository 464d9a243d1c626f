"""Who may send a dead letter's intent with other arguments: only where it is proven that nothing happened."""

from collections.abc import Mapping
from typing import Any

from deadletter.review import NEVER_A_REQUEST, describe_closed
from integrations.registry import BoundKind
from ledger.edits import Edit
from ledger.lanes import LOCAL
from ledger.letters import Dead
from operations.errors import NotAllowedError
from operations.outcome import Effect
from operations.states import State


def refuse_edit(dead: Dead, bound: BoundKind | None) -> BoundKind:
    """Say why the next generation may not be opened with other arguments, where it may not; else its kind.

    Raises:
        NotAllowedError: it may not.
    """
    name = dead.letter.name
    if dead.letter.status != "open" or dead.state != State.DEAD:
        raise NotAllowedError(describe_closed(dead))
    if dead.provider == LOCAL or bound is None or dead.letter.reason == NEVER_A_REQUEST:
        raise NotAllowedError(f"{name} is no request to a provider that could be corrected: requeue or discard it")
    if dead.letter.business_key is None:
        raise NotAllowedError(
            f"{name} has no business key, so that it has no generations: a new call is a new operation"
        )
    if Effect(dead.effect) is not Effect.NONE:
        raise NotAllowedError(
            f"the effect of {name} is {dead.effect}: only where nothing happened, for sure, may other arguments be sent; "
            f"look at {dead.provider}, and `lockgate deadletter resolve {name} --as none` when it is proven not to be there"
        )
    return bound


def needs_a_second(bound: BoundKind) -> bool:
    """Whether another person must approve: where it is money."""
    return bound.section.money


def refuse_approval(edit: Edit, actor: str) -> None:
    """Say why somebody may not approve an edit, where they may not.

    Raises:
        NotAllowedError: they may not.
    """
    refuse_decided(edit)
    if actor == edit.by:
        raise NotAllowedError(f"edit {edit.id} is {actor}'s own: where it is money a second person must approve it")


def refuse_decided(edit: Edit) -> None:
    """Say that an edit is decided, where it is.

    Raises:
        NotAllowedError: it is.
    """
    if edit.state != "waiting":
        when = f"{edit.decided_at:%Y-%m-%d %H:%M:%S}" if edit.decided_at else ""
        raise NotAllowedError(f"edit {edit.id} was {edit.state} by {edit.decided_by} at {when}")


def difference(before: Mapping[str, Any], after: Mapping[str, Any]) -> dict[str, list[Any]]:
    """Of each field that is not the same, before and after."""
    names = sorted({*before, *after})
    return {name: [before.get(name), after.get(name)] for name in names if before.get(name) != after.get(name)}
