"""What a provider's files supply: one class per kind of operation, and what is the provider's own.

An adapter describes and interprets; it never sends. Everything here is a pure function of values, tested with recordings.
"""

from collections.abc import Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict

from config.secret import Secret
from operations.errors import InvalidArgumentsError
from operations.means import Means
from operations.outcome import Failed, Finding, Outcome
from operations.request import Reply, Request, Sent


class Arguments(BaseModel):
    """What a caller gives: names that are not known are refused, types are not guessed."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True)


class Kind:
    """One kind of operation: values in, values out.

    Attributes:
        name: `<provider>.<what>`, such as `stripe.take_payment`.
        means: what the adapter can do against doing it twice; the provider's file holds the numbers, and may say X.
        schema_version: raised when the arguments change their meaning.
        visible: arguments that operators may read; the others are masked.
    """

    name: ClassVar[str]
    means: ClassVar[Means]
    schema_version: ClassVar[int] = 1
    visible: ClassVar[frozenset[str]] = frozenset()
    Arguments: type[Arguments]

    def business_key(self, arguments: Any) -> str | None:
        """Our name for the intent, from its arguments; None where they do not name one. Never personal data."""
        raise NotImplementedError

    def request(self, arguments: Any, key: str) -> Request:
        """The request that carries it out, with `key` where the provider honours or shows it. Frozen at acceptance."""
        raise NotImplementedError

    def outcome(self, reply: Reply) -> Outcome | None:
        """What a reply to the request means; None leaves it to the provider's classification."""
        raise NotImplementedError

    def inquiry(self, sent: Sent) -> Request:
        """The request that asks if it happened. Kinds of means X have none."""
        raise NotImplementedError

    def finding(self, sent: Sent, reply: Reply) -> Finding:
        """What an answer to the inquiry means."""
        raise NotImplementedError

    def from_previous(self, previous: Any) -> Mapping[str, Any]:
        """Arguments from the result of the step before, in a chain or a chord.

        Raises:
            InvalidArgumentsError: this kind takes none.
        """
        del previous
        raise InvalidArgumentsError(
            self.name, ["it takes nothing from the step before: use .si(…) instead of .s(…) in the chain"]
        )


class Adapter:
    """What is the provider's own: its kinds, its authentication, and what its errors mean.

    Attributes:
        name: the provider.
        kinds: its kinds of operation.
        credentials: the names of the fields that authenticate a tenant.
        evidence: names of fields in requests and answers that may be kept readable; all others are masked.
        beside: what an answer always says beside a status that alone would mislead; for explanations only.
    """

    name: ClassVar[str]
    kinds: ClassVar[tuple[type[Kind], ...]]
    credentials: ClassVar[tuple[str, ...]]
    evidence: ClassVar[frozenset[str]] = frozenset()
    beside: ClassVar[Mapping[int, str]] = {}

    def authenticate(self, credentials: Mapping[str, Secret]) -> Mapping[str, str]:
        """The headers that authenticate a request."""
        raise NotImplementedError

    def classify(self, reply: Reply) -> Failed | None:
        """What a reply that is no success means; None leaves it to the general rules (`integrations.classify`)."""
        raise NotImplementedError

    def account_request(self) -> Request:
        """The request that tells whose account the credentials open."""
        raise NotImplementedError

    def account(self, reply: Reply) -> str | None:
        """The account in its answer; None when the answer does not say."""
        raise NotImplementedError
