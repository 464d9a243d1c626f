"""What an attempt came to: the outcome, on its two axes, and what an inquiry found."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from operations.request import Request


class ErrorClass(StrEnum):
    """How to go on after a failure; what it says of the effect is another question."""

    TRANSIENT = "transient"
    RATE_LIMITED = "rate_limited"
    CLIENT = "client"
    AMBIGUOUS = "ambiguous"


class Effect(StrEnum):
    """What is true at the provider, as far as we know: none < unknown < done."""

    NONE = "none"
    UNKNOWN = "unknown"
    DONE = "done"

    def joined(self, other: "Effect") -> "Effect":
        """The effect of two attempts together: a refusal after a doubt leaves the doubt."""
        return max(self, other, key=_RANK.__getitem__)


_RANK = {Effect.NONE: 0, Effect.UNKNOWN: 1, Effect.DONE: 2}


@dataclass(frozen=True, slots=True)
class Succeeded:
    """The provider did it. `reference` is its own name for what it made; some successes have none (a 204)."""

    reference: str | None = None
    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Accepted:
    """The provider took it and will say later how it ended."""

    reference: str | None = None
    result: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Declined:
    """The provider said no, properly, and nothing of it is left open there.

    Attributes:
        code: the provider's code for the refusal.
        behind_key: the answer came from behind the provider's idempotency layer, so it speaks for every send.
    """

    code: str
    message: str = ""
    behind_key: bool = False


@dataclass(frozen=True, slots=True)
class Open:
    """The provider said no, but left something open that could still take effect; it must be closed before we say so.

    Attributes:
        code: the provider's code for the refusal.
        reference: the provider's name for what is still open.
    """

    code: str
    reference: str
    message: str = ""


@dataclass(frozen=True, slots=True)
class Failed:
    """The attempt failed.

    Attributes:
        error_class: how to go on.
        effect: what this attempt, alone, may have done at the provider.
        code: the provider's code, or ours for the way in which no answer came.
        retry_after: seconds that the provider asked us to wait, clamped; None when it did not say.
        down: it means that the provider is down, and counts for its breaker.
        connection: the tenant's credentials are at fault, not the operation.
        behind_key: the answer came from behind the provider's idempotency layer.
        frozen: repeating under the same idempotency key would repeat this answer, whatever is true.
    """

    error_class: ErrorClass
    effect: Effect
    code: str
    message: str = ""
    retry_after: float | None = None
    down: bool = False
    connection: bool = False
    behind_key: bool = False
    frozen: bool = False


@dataclass(frozen=True, slots=True)
class Deferred:
    """Nothing was sent: our own reason (a permit too old, a lease too short) spoke against it right before the byte."""

    reason: str
    delay: float = 0.0


Outcome = Succeeded | Accepted | Declined | Open | Failed | Deferred
Settled = Succeeded | Accepted | Declined | Open


@dataclass(frozen=True, slots=True)
class Present:
    """The inquiry found what this operation made, and this is what became of it."""

    outcome: Settled


@dataclass(frozen=True, slots=True)
class Absent:
    """The inquiry was answered, and the provider does not show it."""


@dataclass(frozen=True, slots=True)
class Unclear:
    """The inquiry proves nothing: it failed, or its answer cannot be read."""

    why: str
    retry_after: float | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """The answer needs one more request: another page, the object itself, or closing what is still open."""

    request: Request


Finding = Present | Absent | Unclear | Ask
