"""End a dead letter by what a person found out: it happened, it was declined, nothing happened, or nobody wants it."""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

from deadletter.park import fingerprint
from deadletter.review import describe_closed
from ledger import audit, letters, reopen
from ledger.audit import Order
from ledger.lanes import LOCAL
from ledger.letters import Dead
from ledger.session import Connection, Ledger
from operations.errors import NotAllowedError
from operations.outcome import Effect
from operations.states import State


@dataclass
class _Decision:
    connection: Connection
    dead: Dead
    write: Callable[[str, Mapping[str, Any]], None]


def succeeded(ledger: Ledger, letter_id: int, order: Order, *, reference: str | None) -> None:
    """It happened. Its result is built from the reference, and what waited for it goes on.

    Args:
        ledger: where.
        letter_id: the dead letter.
        order: who says so, and why.
        reference: the provider's name for what it made; None where it gives none.

    Raises:
        NotAllowedError: it is not open, or no reference is known.
    """
    with _deciding(ledger, letter_id, order) as decision:
        _refuse_plain(decision.dead)
        reopen.succeed(decision.connection, decision.dead.id, reference=reference)
        letters.close(decision.connection, letter_id, status="resolved", by=order.actor)
        reference = reference or decision.dead.reference
        decision.write("resolve", {"state": State.SUCCEEDED, "effect": Effect.DONE, "reference": reference})


def declined(ledger: Ledger, letter_id: int, order: Order, *, code: str | None) -> None:
    """The provider said no, and nothing of it is left there; the next generation may be opened.

    Raises:
        NotAllowedError: it is not open, or it is done.
    """
    with _deciding(ledger, letter_id, order) as decision:
        _refuse_plain(decision.dead)
        _refuse_done(decision.dead)
        reopen.decline(decision.connection, decision.dead.id, code=code)
        letters.close(decision.connection, letter_id, status="resolved", by=order.actor)
        decision.write("resolve", {"state": State.DECLINED, "effect": Effect.NONE, "code": code})


def nothing_happened(ledger: Ledger, letter_id: int, order: Order) -> None:
    """It is proven that the effect is none. The letter stays open: how it goes on is another decision.

    From here it may be requeued, replaced by the next generation (`lockgate deadletter edit`), or discarded.

    Raises:
        NotAllowedError: it is not open, or it is done.
    """
    with _deciding(ledger, letter_id, order) as decision:
        _refuse_plain(decision.dead)
        _refuse_done(decision.dead)
        reopen.rule_out(decision.connection, decision.dead.id)
        letters.lower_effect(decision.connection, letter_id, fingerprint=_without_effect(decision.dead))
        decision.write("resolve", {"state": State.DEAD, "effect": Effect.NONE})


def discard(ledger: Ledger, letter_id: int, order: Order) -> None:
    """Nobody wants it any more. What is known of its effect stays, and what waited for it goes on with a failure.

    Raises:
        NotAllowedError: it is not open.
    """
    with _deciding(ledger, letter_id, order) as decision:
        reopen.discard(decision.connection, decision.dead.id)
        letters.close(decision.connection, letter_id, status="discarded", by=order.actor)
        decision.write("discard", {"state": State.DISCARDED, "effect": decision.dead.effect})


@contextmanager
def _deciding(ledger: Ledger, letter_id: int, order: Order) -> Iterator[_Decision]:
    """One person's decision about one open letter; the other person is told."""
    with ledger.transaction() as connection:
        dead = letters.lock(connection, letter_id)
        if dead is None:
            raise NotAllowedError(
                f"there is no dead letter dl_{letter_id}: `lockgate deadletter list` shows those there are"
            )
        if dead.letter.status != "open" or dead.state != State.DEAD:
            raise NotAllowedError(describe_closed(dead))

        def write(action: str, after: Mapping[str, Any]) -> None:
            audit.note(connection, order, action, str(dead.id), before=dead.as_json(), after=after)

        yield _Decision(connection, dead, write)


def _without_effect(dead: Dead) -> str:
    """The group of a letter that is proven to have had no effect."""
    letter = dead.letter
    what = letter.error_class or letter.reason
    return fingerprint(letter.provider, letter.kind, what, effect=Effect.NONE, code=letter.code, message=letter.message)


def _refuse_plain(dead: Dead) -> None:
    if dead.provider == LOCAL:
        raise NotAllowedError(
            f"{dead.letter.name} is a plain task without an effect to speak of: requeue or discard it"
        )


def _refuse_done(dead: Dead) -> None:
    if Effect(dead.effect) is Effect.DONE:
        raise NotAllowedError(f"{dead.letter.name} is done at the provider ({dead.reference}): resolve it as succeeded")
