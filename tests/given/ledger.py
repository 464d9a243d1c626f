"""Values to try the ledger with."""

import uuid
from typing import Any

from ledger.accept import Acceptance
from ledger.claim import Claimed, Terms
from ledger.lanes import LaneKey
from ledger.record import Entry, Heard, Pace
from operations.means import Assurance, Means
from operations.operation import RetryPolicy
from operations.outcome import Effect
from operations.request import Request
from operations.states import State
from resilience.decide import Settle

LANE = LaneKey("acme", "default", "acme", "acme.make", 0, "tasks.acme.make")
TERMS = Terms(Assurance(Means.KEY, kept_for=86_400.0, settle=2.0), lease=60.0, total=30.0)
PACE = Pace(RetryPolicy(), settle=2.0, confirm_time=10.0)


def item(key: str | None = "order:1", **changes: Any) -> Acceptance:
    values: dict[str, Any] = {
        "ticket_id": str(uuid.uuid4()),
        "lane": LANE,
        "idempotency_key": "k" * 40,
        "business_key": key,
        "given": {"amount": 4200},
        "arguments": {"amount": 4200},
        "request": Request("POST", "/v1/things", body=b"amount=4200"),
    }
    return Acceptance(**values | changes)


def success(claimed: Claimed, reference: str = "ref") -> Entry:
    """A plain success of what was claimed."""
    heard = Heard(
        "succeeded", Effect.DONE, status=200, reference=reference, elapsed=0.1, request_id="req", sealed={"result": 1}
    )
    decision = Settle(State.SUCCEEDED, Effect.DONE, reference)
    return Entry(claimed.lease, decision, heard, PACE, ticket_id=claimed.ticket_id)
