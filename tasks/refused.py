"""What cannot be accepted and has nobody to be told: a dead letter keeps it, with its arguments, for a person.

A step of a chain is published by the worker that finished the step before; a message from elsewhere by nobody we know.
Raising would fail a step that succeeded, or lose the message.
"""

from collections.abc import Sequence
from typing import Any

from deadletter.park import letter
from integrations.evidence import normalised
from integrations.registry import BoundKind
from ledger.accept import Acceptance, Answer, Verdict
from ledger.claim import Lease
from ledger.lanes import LaneKey
from ledger.record import Pace, record
from ledger.session import Connection
from operations.errors import LockgateError
from operations.operation import Purpose, Standing
from operations.outcome import Effect, ErrorClass
from operations.states import State
from resilience.decide import Park
from tasks.accepting import accepted
from tasks.draft import Posting, packed
from tasks.hint import DEFAULT_TENANT
from tasks.platform import platform


def refuse_later(bound: BoundKind, posting: Posting, args: Sequence[Any], kwargs: Any, error: LockgateError) -> None:
    """Keep a refused operation as a dead letter, with the reason; the effect is none, for nothing was sent."""
    ledger = platform().ledger
    lane = LaneKey(posting.queue, DEFAULT_TENANT, bound.provider.name, bound.name, posting.priority, posting.task)
    kept = packed(posting.task, {"args": list(args), "kwargs": dict(kwargs)})
    item = Acceptance(
        posting.ticket_id, lane, posting.ticket_id, arguments={"refused": kept["kombu"]}, message=posting.message,
        follows=posting.follows, give_up_after=bound.policy.give_up_after, hint=False,
    )  # fmt: skip
    park = Park("refused", Effect.NONE, ErrorClass.CLIENT)
    filed = letter(lane.provider, lane.kind, park, code=type(error).__name__, message=normalised(str(error)))
    pace = Pace(bound.policy, bound.assurance.settle, bound.confirm_time)

    def file(connection: Connection, verdicts: Sequence[Verdict]) -> None:
        """In the transaction that accepts it, or somebody would try to carry out what is no request."""
        (verdict,) = verdicts
        if verdict.answer is Answer.ACCEPTED:
            standing = Standing(Purpose.SEND, bound.assurance)
            lease = Lease(verdict.operation_id, lane.tenant, lane.provider, lane.kind, 0, standing, state=State.WAITING)
            record(ledger, lease, park, heard=None, pace=pace, letter=filed, connection=connection)

    accepted(ledger, [item], file)
