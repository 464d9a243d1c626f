"""Speak to a provider: authenticate, send once, and say what was heard in our words."""

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from integrations import classify, evidence
from integrations.registry import BoundKind, Provider, Registry
from integrations.transport import Transport
from operations.outcome import Deferred, Effect, ErrorClass, Failed, Outcome
from operations.request import Reply, Request, Silence
from resilience.breaker import Verdict

Heard = Reply | Silence | Deferred

#: What reading an answer of an unexpected shape raises: a mistake of the adapter, which must not lose the answer.
MISREAD = (
    ArithmeticError,
    AttributeError,
    LookupError,
    RuntimeError,
    TypeError,
    ValueError,
)  # RuntimeError: recursion too
_log = logging.getLogger(__name__)


@dataclass(frozen=True)
class Line:
    """The way to one provider for one tenant.

    Args:
        registry: holds the credentials.
        transport: opens the sockets.
    """

    registry: Registry
    transport: Transport
    provider: Provider
    tenant: str

    def say(self, request: Request, guard: Callable[[], None]) -> Heard:
        """Send a request, once; `guard` is asked right before its first byte.

        Raises:
            ConfigError: the tenant has no credentials.
        """
        credentials = self.provider.adapter.authenticate(self.registry.credentials(self.provider, self.tenant))
        return self.transport.send(
            request,
            base_url=self.provider.base_url,
            session=(self.provider.name, self.tenant),
            credentials=credentials,
            limits=self.provider.limits,
            guard=guard,
        )


def outcome(bound: BoundKind, request: Request, heard: Heard) -> Outcome:
    """What was heard after sending an operation's request."""
    if isinstance(heard, Deferred):
        return heard
    if isinstance(heard, Silence):
        return classify.of_silence(heard, request)
    try:
        return bound.kind.outcome(heard) or failure(bound.provider, heard)
    except MISREAD:
        _log.exception("%s cannot read an answer with status %s", bound.name, heard.status)
        return Failed(ErrorClass.AMBIGUOUS, Effect.UNKNOWN, "adapter_error", "the adapter cannot read this answer")


def failure(provider: Provider, reply: Reply) -> Failed:
    """What an answer that is no success means: the adapter's word, else the general rules."""
    if reply.status in provider.profile.refusals:
        return classify.of_reply(reply, provider.profile)
    return provider.adapter.classify(reply) or classify.of_reply(reply, provider.profile)


def verdict(heard: Heard, failed: Failed | None) -> Verdict:
    """What was heard says of the provider's health: refusals of one request say nothing, an answer to it says *up*."""
    if isinstance(heard, Deferred):
        return Verdict.NEUTRAL
    if isinstance(heard, Silence):
        return Verdict.DOWN if heard.down else Verdict.NEUTRAL
    if failed is None:
        return Verdict.OK
    return Verdict.DOWN if failed.down else Verdict.NEUTRAL


def kept(provider: Provider, request: Request, heard: Heard) -> dict[str, Any]:
    """The evidence of an exchange, redacted."""
    allowed = provider.adapter.evidence
    said = {"request": evidence.of_request(request, allowed)}
    if isinstance(heard, Reply):
        return said | {"reply": evidence.of_reply(heard, allowed)}
    if isinstance(heard, Silence):
        return said | {"reply": evidence.of_silence(heard)}
    return said | {"reply": {"deferred": heard.reason}}
