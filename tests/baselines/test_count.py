"""What the table of the baselines counts, and as what."""

import time
from typing import Any

import pytest

from baselines.count import COLUMNS, Count, count, what_became
from soak.checker.asked import Asked
from soak.checker.history import Case, History
from soak.checker.journal import Effect, Journal
from soak.checker.ledger import Dump, Operation
from soak.checker.terms import Kind, Terms

PAYMENT = Kind("stripe.take_payment", "K", "charge", "{}", "/v1/payment_intents")
TAKEN = Asked(time.time(), "o1", "acme", PAYMENT.name, "o1", "accepted", "t1")


def case(state: str | None, effect: str = "none", *, charges: int = 0, left_open: int = 0, **more: Any) -> Case:
    operations = [] if state is None else [Operation("1", "acme", PAYMENT.name, "o1", state, effect, [])]
    names = ["charge"] * charges + ["open"] * left_open
    effects = [Effect(0.0, "stripe", name, "o1", f"pi_{at}", "acme", frozenset()) for at, name in enumerate(names)]
    return Case("o1", "acme", PAYMENT, "o1", asked=[TAKEN], operations=operations, effects=effects, **more)


@pytest.mark.parametrize(
    ("made", "said"),
    [
        (case("succeeded", "done", charges=1), []),
        (case("declined", left_open=1), []),
        (case(None), ["lost"]),
        (case("waiting"), ["lost"]),
        (case("waiting", charges=1), ["never told"]),
        (case("succeeded", "done", charges=2), ["doubled"]),
        (case("dead", charges=1), ["wrongly failed"]),
        (case("declined", charges=1), ["wrongly failed"]),
        (case("dead"), ["gave up, rightly said"]),
        (case("dead", "unknown", charges=1), ["says: unknown"]),
        (case("succeeded", "done"), ["wrongly done"]),
        (case("discarded"), []),
        (case("discarded", "unknown"), []),
        (case("superseded"), []),
    ],
)
def test_what_became_of_an_order_is_counted_as_what_it_is(made: Case, said: list[str]) -> None:
    assert what_became(made) == said
    assert set(said) <= set(COLUMNS)


def test_only_what_was_taken_counts_and_in_ten_thousand() -> None:
    cases = [case("waiting"), case("succeeded", "done", charges=1), case("waiting")]
    cases[2].asked = []
    found = count(History(Terms(1, "x", (PAYMENT,)), cases, Journal(), Dump()))
    assert (found.accepted, found.per_ten_thousand("lost"), found.per_ten_thousand("doubled")) == (2, "5,000", "0")
    assert count(History(Terms(1, "x", (PAYMENT,)), cases, Journal(), Dump()), "Q") == Count(
        0, found.found - found.found
    )
