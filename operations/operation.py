"""What the platform knows of one operation when it decides what comes next."""

from dataclasses import dataclass
from enum import StrEnum

from operations.means import Assurance
from operations.outcome import Effect

SUSPECT = 2  # claims in a row lost with their worker, after which an operation is carried out in a process of its own
POISON = 3  # it was lost there too: it is never sent again by itself


class Purpose(StrEnum):
    """Why an attempt is made."""

    SEND = "send"
    INQUIRE = "inquire"


@dataclass(frozen=True, slots=True)
class Standing:
    """The facts that decide how one operation goes on; everything in seconds, on PostgreSQL's clock at the claim.

    Attributes:
        purpose: why the attempt at hand was made.
        assurance: the means of its kind.
        effect: the join over all earlier attempts.
        failures: attempts used up so far; the one at hand is not among them.
        awaiting: the provider accepted it earlier and its answer is still to come.
        frozen: an earlier answer is frozen under its idempotency key.
        reference: the provider's name for what it made, if an earlier answer said.
        declined: the code of a refusal that left something open at the provider.
        absent_for: seconds since the first reading of absence that counted; None before one.
        settle_left: seconds until an absence may count.
        poison: it took down the process that carried it out alone.
    """

    purpose: Purpose
    assurance: Assurance
    effect: Effect = Effect.NONE
    failures: int = 0
    awaiting: bool = False
    frozen: bool = False
    reference: str | None = None
    declined: str | None = None
    absent_for: float | None = None
    settle_left: float = 0.0
    poison: bool = False


@dataclass(frozen=True, slots=True)
class RetryPolicy:
    """How often and for how long an operation is tried.

    Attributes:
        delays: seconds before each attempt; as many attempts as delays, then the dead letter.
        ceiling: seconds; no wait of ours is longer.
        give_up_after: seconds from acceptance (or ETA) until a decision is made, whatever is waited for.
        ask_every: seconds between inquiries while a provider's answer is awaited.
        answer_within: seconds that an accepted operation may await its answer.
    """

    delays: tuple[float, ...] = (0.0, 1.0, 2.0, 4.0, 8.0)
    ceiling: float = 60.0
    give_up_after: float = 86_400.0
    ask_every: float = 300.0
    answer_within: float = 14 * 86_400.0

    @property
    def attempts(self) -> int:
        """How many failures an operation survives, plus one."""
        return len(self.delays)
