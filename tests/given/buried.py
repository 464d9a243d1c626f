"""Dead letters in a ledger, made by the steps by which a worker makes them."""

from typing import Any

from given.ledger import PACE, TERMS, item

from deadletter.park import letter
from ledger import letters
from ledger.accept import accept
from ledger.audit import Order
from ledger.claim import Claimed, Terms, claim
from ledger.lanes import LaneKey
from ledger.letters import DeadLetter
from ledger.record import Heard, record
from ledger.session import Ledger
from operations.outcome import Effect, ErrorClass
from resilience.decide import Park

ORDER = Order("ann", "the provider was mended")
PAYMENTS = LaneKey("stripe", "default", "stripe", "stripe.take_payment", 0, "tasks.payments.take_payment")
MAILS = LaneKey("postmark", "default", "postmark", "postmark.send_email", 0, "tasks.mail.send_email")
REFUSED = Park("client", Effect.NONE, ErrorClass.CLIENT)
EXHAUSTED = Park("exhausted", Effect.NONE, ErrorClass.TRANSIENT)
DOUBT = Park("deadline", Effect.UNKNOWN, ErrorClass.AMBIGUOUS)


def dead(
    ledger: Ledger, park: Park = EXHAUSTED, *, lane: LaneKey = PAYMENTS, code: str = "http_503", message: str = "",
    terms: Terms = TERMS, hold: float | None = None, **more: Any,
) -> tuple[DeadLetter, Claimed]:  # fmt: skip
    """A dead letter, and the claim under which it died."""
    asked = item(lane=lane, **more)
    accept(ledger, [asked])
    claimed = claim(ledger, asked.ticket_id, terms, worker="w1")
    assert claimed is not None
    return bury(ledger, claimed, park, code=code, message=message, hold=hold), claimed


def bury(
    ledger: Ledger, claimed: Claimed, park: Park, *, code: str, message: str = "", hold: float | None = None
) -> DeadLetter:
    """What was claimed dies."""
    heard = Heard("failed", park.effect, park.error_class, 503, code, message)
    filed = letter(claimed.lease.provider, claimed.lease.kind, park, code=code, message=message, hold=hold)
    assert record(ledger, claimed.lease, park, heard=heard, pace=PACE, letter=filed, ticket_id=claimed.ticket_id)
    with ledger.connection() as connection:
        return letters.of_operation(connection, claimed.lease.operation_id)[-1]
