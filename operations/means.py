"""What a provider gives us against doing a thing twice: K, N, Q or X."""

from dataclasses import dataclass
from enum import StrEnum


class Means(StrEnum):
    """How we keep to one effect per business key.

    K: an idempotency key that the provider honours for a time. N: a unique value of our choice that it enforces.
    Q: a query by our key that shows the effect within a declared time. X: nothing; a doubt goes to a person.
    """

    KEY = "K"
    UNIQUE = "N"
    QUERY = "Q"
    NOTHING = "X"

    @property
    def asks(self) -> bool:
        """Whether the provider can be asked if it happened."""
        return self is not Means.NOTHING


@dataclass(frozen=True, slots=True)
class Assurance:
    """The means of one kind with its numbers, from the provider's file.

    Attributes:
        kept_for: K: seconds for which the provider remembers a key, as it documents.
        settle: seconds after which an effect must be visible to our inquiry; absence counts no earlier.
        money: an effect moves money: after a frozen 5xx no new key is ever made automatically.
    """

    means: Means
    kept_for: float = 0.0
    settle: float = 0.0
    money: bool = False
