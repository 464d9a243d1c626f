"""pybreaker's states over a breaker that the whole fleet shares.

pybreaker keeps the state machine: its state objects let a call pass or refuse it, count it and move. What is ours is the
storage, which answers from the admission's one round trip and reports in the other, and the half-open state, which lets one
chosen call through. No lock is held during a call: each call gets its own state object, where pybreaker's `call` would
serialise the threads of a worker.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, TypeVar

import pybreaker

from resilience.breaker import BreakerState, Verdict
from resilience.permit import Health, Permit, Refused

T = TypeVar("T")


class ProviderDownError(Exception):
    """A call said that the provider is down; carries what the call returned."""

    def __init__(self, returned: Any) -> None:
        super().__init__("the provider is down")
        self.returned = returned


class CallStorage(pybreaker.CircuitBreakerStorage):
    """One call's view of the shared breaker.

    Args:
        answer: what admission said.
        send_report: reports the call's verdict; called once.
    """

    def __init__(self, answer: Permit | Refused, send_report: Callable[[Verdict], Health]) -> None:
        super().__init__("fleet")
        self._answer = answer
        self._send_report = send_report
        self._half_open = isinstance(answer, Permit) and answer.probe
        self.verdict = Verdict.NEUTRAL
        self.health: Health | None = None

    @property
    def permitted(self) -> bool:
        """Whether admission granted the call."""
        return isinstance(self._answer, Permit)

    @property
    def state(self) -> str:
        """The state under which the call passes; a refused call is refused as by an open breaker."""
        if not self.permitted:
            return pybreaker.STATE_OPEN
        return pybreaker.STATE_HALF_OPEN if self._half_open else pybreaker.STATE_CLOSED

    @state.setter
    def state(self, state: str) -> None:
        """The shared state moves in the report's script; the local copy ends with the call."""

    def increment_counter(self) -> None:
        """Report a failure."""
        self._report(Verdict.DOWN)

    def reset_counter(self) -> None:
        """Report a call that was no failure: a success, or one that says nothing."""
        self._report(self.verdict)

    def _report(self, verdict: Verdict) -> None:
        if self.health is None:
            self.health = self._send_report(verdict)

    @property
    def counter(self) -> int:
        """The threshold when the report said that the breaker opened, so that pybreaker opens it here as well."""
        return 1 if self.health is not None and self.health.after is BreakerState.OPEN else 0

    @property
    def success_counter(self) -> int:
        """The threshold when the report said that the breaker closed."""
        return 1 if self.health is not None and self.health.after is BreakerState.CLOSED else 0

    @property
    def opened_at(self) -> datetime | None:
        """Now, for a refused call: its time is not over, or admission would have granted a probe."""
        return None if self.permitted else datetime.now(UTC)

    @opened_at.setter
    def opened_at(self, when: datetime) -> None:
        """The shared breaker knows when it opened."""


class FleetBreaker(pybreaker.CircuitBreaker):
    """A provider's breaker for one call, its state taken from admission's answer."""

    def __init__(self, provider: str, storage: CallStorage) -> None:
        super().__init__(
            fail_max=1,
            exclude=[_says_nothing],
            state_storage=storage,
            name=provider,
            throw_new_error_on_trip=False,
        )

    def call(self, func: Callable[..., T], *args: Any, **kwargs: Any) -> T:
        """Call `func` as the state allows, holding no lock.

        Raises:
            pybreaker.CircuitBreakerError: the breaker lets nothing through.
        """
        return self._state.call(func, *args, **kwargs)


def _says_nothing(error: Any) -> bool:
    """A mistake of ours is no failure of the provider."""
    return not isinstance(error, ProviderDownError)
