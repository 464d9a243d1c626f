"""Send a dead letter on its way again: in the next epoch, under the same keys, through the ledger and admission.

1. Only an open dead letter, and only where its effect is not *done*.
2. Where the effect may be there, the provider may have forgotten the key, or the ledger was restored, the provider is asked
   before anything is sent.
3. Where it may be there and the provider cannot be asked, nothing is sent: a person looks, and resolves.
"""

from config import crashpoint
from config.errors import ConfigError
from deadletter.review import NEVER_A_REQUEST, describe_closed, edit_command, resolve_command
from integrations.registry import BoundKind, Registry
from ledger import audit, letters, reopen
from ledger.audit import Order
from ledger.lanes import LOCAL
from ledger.letters import Dead
from ledger.session import Connection, Ledger
from operations.errors import NotAllowedError
from operations.means import Means
from operations.operation import RetryPolicy
from operations.outcome import Effect
from operations.states import State


def requeue(ledger: Ledger, registry: Registry, letter_id: int, order: Order) -> State:
    """Requeue one dead letter, in one transaction with its audit.

    Returns:
        The state in which it goes on: waiting, or unconfirmed where the provider is asked first.

    Raises:
        NotAllowedError: it may not be requeued; the message says what to do instead.
    """
    with ledger.transaction() as connection:
        state, _ = requeue_in(ledger, connection, registry, letter_id, order)
        crashpoint.reached("requeue.before_commit")
    crashpoint.reached("requeue.after_commit")
    return state


def requeue_in(
    ledger: Ledger, connection: Connection, registry: Registry, letter_id: int, order: Order, *, spare: bool = False
) -> tuple[State, int]:
    """The same in a transaction of the caller's; the state in which it goes on, and the epoch.

    Args:
        ledger: where.
        connection: in a transaction.
        registry: providers and kinds.
        letter_id: the dead letter.
        order: who wants it, and why.
        spare: it leaves a reserve of the provider's limits to live work, as one of many.

    Raises:
        NotAllowedError: it may not be requeued; the message says what to do instead.
    """
    dead = letters.lock(connection, letter_id)
    if dead is None:
        raise NotAllowedError(
            f"there is no dead letter dl_{letter_id}: `lockgate deadletter list` shows those there are"
        )
    bound = bound_kind(registry, dead)
    refuse(dead, bound)
    ask = asks_first(dead, bound)
    reopen.requeue(
        connection,
        dead.id,
        lane_id=reopen.lane(ledger, connection, dead.id, spare=spare),
        ask_first=ask,
        give_up_after=(bound.policy if bound else RetryPolicy()).give_up_after,
        confirm_time=bound.confirm_time if bound else 0.0,
    )
    letters.close(connection, letter_id, status="requeued", by=order.actor)
    state = State.UNCONFIRMED if ask else State.WAITING
    after = {"state": state, "effect": dead.effect, "epoch": dead.epoch + 1, "status": "requeued"}
    audit.note(connection, order, "requeue", str(dead.id), before=dead.as_json(), after=after)
    return state, dead.epoch + 1


def refuse(dead: Dead, bound: BoundKind | None) -> None:
    """Say why a dead letter may not be requeued, where it may not.

    Raises:
        NotAllowedError: it may not.
    """
    if dead.letter.status != "open" or dead.state != State.DEAD:
        raise NotAllowedError(describe_closed(dead))
    name, effect = dead.letter.name, Effect(dead.effect)
    if dead.letter.reason == NEVER_A_REQUEST:
        raise NotAllowedError(
            f"{name} never became a request, for its arguments were refused ({dead.letter.message}): discard it, and let "
            "its caller call again with right ones"
        )
    if effect is Effect.DONE:
        raise NotAllowedError(f"{name} is done at the provider: `{resolve_command(dead)}` says so")
    if (effect is Effect.UNKNOWN or (dead.restored and dead.provider != LOCAL)) and (
        bound is None or not bound.assurance.means.asks
    ):
        raise NotAllowedError(
            f"{name} may have happened, and {dead.provider} cannot be asked about {dead.kind}: look there yourself, then "
            f"`{resolve_command(dead)}`, or `lockgate deadletter resolve {name} --as none` when it is proven not to be there"
        )
    if effect is Effect.NONE and dead.frozen and not dead.key_forgotten:
        raise NotAllowedError(
            f"{name} cannot be sent again under its key, {dead.provider} would repeat its last answer: "
            + (
                "let its caller call again, and discard it"
                if dead.letter.business_key is None
                else f"`{edit_command(name)}` sends it with a new one"
            )
        )


def asks_first(dead: Dead, bound: BoundKind | None) -> bool:
    """Whether the provider is asked before anything is sent: a doubt, or a key that it may have forgotten."""
    if bound is None or not bound.assurance.means.asks:
        return False
    if dead.restored:
        return True
    if not dead.was_sent:
        return False
    forgotten = bound.assurance.means is Means.KEY and dead.key_forgotten
    return Effect(dead.effect) is Effect.UNKNOWN or forgotten


def bound_kind(registry: Registry, dead: Dead) -> BoundKind | None:
    """The kind; None for a plain task.

    Raises:
        NotAllowedError: this deployment does not know it.
    """
    if dead.provider == LOCAL:
        return None
    try:
        return registry.kind(dead.kind)
    except ConfigError as error:
        raise NotAllowedError(
            f"{dead.letter.name} is of a kind that this deployment does not know ({error.message}): name its files in "
            "LOCKGATE_PROVIDERS, and requeue it then"
        ) from None
