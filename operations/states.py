"""The states of an operation, and every move between them that is allowed."""

from enum import StrEnum


class State(StrEnum):
    """Where an operation stands. *State* is ours; what the provider says of itself is a *status*."""

    WAITING = "waiting"
    CALLING = "calling"
    UNCONFIRMED = "unconfirmed"
    AWAITING = "awaiting"
    SUCCEEDED = "succeeded"
    DECLINED = "declined"
    DEAD = "dead"
    DISCARDED = "discarded"
    SUPERSEDED = "superseded"

    @property
    def ended(self) -> bool:
        """Whether nothing more happens by itself."""
        return self in ENDS

    @property
    def due_by_itself(self) -> bool:
        """Whether the sweep hints at it when its time comes."""
        return self in DUE


class Reason(StrEnum):
    """Why a waiting operation waits."""

    NEW = "new"
    BACKOFF = "backoff"
    BREAKER = "breaker"
    RATE = "rate"
    PAUSED = "paused"
    CONNECTION = "connection"
    EXHAUSTED = "exhausted"  # out of attempts; judged when the next would fall due, unless the breaker opened meanwhile


ENDS = frozenset({State.SUCCEEDED, State.DECLINED, State.DEAD, State.DISCARDED, State.SUPERSEDED})
DUE = frozenset({State.WAITING, State.UNCONFIRMED, State.AWAITING})

#: Every move, and what makes it. docs/life-of-an-operation.md draws the same table; a test compares the two.
MOVES: dict[tuple[State, State], str] = {
    (State.WAITING, State.CALLING): "claim",
    (State.WAITING, State.UNCONFIRMED): "deadline, effect unknown",
    (State.WAITING, State.SUCCEEDED): "late evidence",
    (State.WAITING, State.DEAD): "deadline, exhausted, revoked or expired",
    (State.WAITING, State.SUPERSEDED): "replaced by its own task",
    (State.CALLING, State.WAITING): "retry, or not sent",
    (State.CALLING, State.UNCONFIRMED): "effect unknown",
    (State.CALLING, State.AWAITING): "accepted",
    (State.CALLING, State.SUCCEEDED): "succeeded",
    (State.CALLING, State.DECLINED): "declined",
    (State.CALLING, State.DEAD): "parked",
    (State.CALLING, State.SUPERSEDED): "replaced by its own task",
    (State.UNCONFIRMED, State.CALLING): "claim",
    (State.UNCONFIRMED, State.SUCCEEDED): "late evidence",
    (State.UNCONFIRMED, State.DEAD): "deadline",
    (State.AWAITING, State.CALLING): "claim",
    (State.AWAITING, State.SUCCEEDED): "event or late evidence",
    (State.AWAITING, State.DECLINED): "event",
    (State.AWAITING, State.DEAD): "deadline",
    (State.DECLINED, State.SUPERSEDED): "next generation",
    (State.DEAD, State.WAITING): "requeue, effect none",
    (State.DEAD, State.UNCONFIRMED): "requeue, asks first",
    (State.DEAD, State.SUCCEEDED): "resolve or late evidence",
    (State.DEAD, State.DECLINED): "resolve",
    (State.DEAD, State.DISCARDED): "discard",
    (State.DEAD, State.SUPERSEDED): "next generation",
}


def may_move(before: State, after: State) -> bool:
    """Whether the table allows a move; staying is no move."""
    return before is after or (before, after) in MOVES
