"""A person who asks waits a moment for a turn among live work, and is told in plain words when there is none."""

from types import SimpleNamespace
from typing import Any

import pytest

from operations.outcome import Deferred
from resilience.permit import Refused
from tasks import look

QUESTION: Any = SimpleNamespace(writes=False)


class Turns:
    """Admission that refuses so often, then says that it would have let the call through."""

    def __init__(self, *refusals: Refused) -> None:
        self.left = list(refusals)

    def ask(self, *_: Any, **__: Any) -> Any:
        if self.left:
            return self.left.pop(0)
        raise LookupError("let through")


def gate(turns: Turns) -> Any:
    bound: Any = SimpleNamespace(
        name="stripe.take_payment",
        provider=SimpleNamespace(name="stripe", lease=1.0),
        section=SimpleNamespace(cost=1.0),
    )
    platform: Any = SimpleNamespace(admission=turns, registry=None, transport=None)
    sent: Any = SimpleNamespace(tenant="acme")
    return look._Gate(platform, bound, sent)


@pytest.fixture(autouse=True)
def no_line(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Nothing is sent, and nobody really waits; how long one would have."""
    waited: list[float] = []
    monkeypatch.setattr(look, "Line", lambda *_: None)
    monkeypatch.setattr(look.time, "sleep", waited.append)
    return waited


def test_it_waits_for_the_next_turn_of_a_short_limit(no_line: list[float]) -> None:
    busy = Refused("rate:25 in 1 s per tenant", 0.4)
    with pytest.raises(LookupError, match="let through"):
        gate(Turns(busy, busy)).say(QUESTION)
    assert no_line == [0.4, 0.4]


@pytest.mark.parametrize(
    ("refused", "said"),
    [
        (Refused("rate:100 in 3600 s", 900.0), "live work uses up its limit of 100 in 3600 s"),
        (Refused("breaker", 0.1), "its breaker is open"),
        (Refused("redis", 0.1), "Redis cannot be reached"),
    ],
)
def test_it_waits_for_nothing_else_and_says_why_nobody_was_asked(
    no_line: list[float], refused: Refused, said: str
) -> None:
    answer = gate(Turns(refused)).say(QUESTION)
    assert isinstance(answer, Deferred)
    assert answer.reason.startswith("not asked: ")
    assert said in answer.reason
    assert no_line == []
