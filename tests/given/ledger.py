"""Values to try the ledger with."""

import uuid
from typing import Any

from ledger.accept import Acceptance
from ledger.claim import Terms
from ledger.lanes import LaneKey
from ledger.record import Pace
from operations.means import Assurance, Means
from operations.operation import RetryPolicy
from operations.request import Request

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
