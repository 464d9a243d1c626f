"""The sensible next step for each dead letter, and that the commands allow it."""

import uuid
from dataclasses import replace
from datetime import UTC, datetime
from itertools import product
from typing import Any

import pytest

from config.secret import Secret
from config.settings import Settings
from deadletter.requeue import asks_first, refuse
from deadletter.review import Step, next_step
from integrations.registry import BoundKind, Registry
from ledger.letters import Dead, DeadLetter
from operations.errors import NotAllowedError
from operations.means import Assurance, Means

NOW = datetime(2026, 11, 24, tzinfo=UTC)
ID = uuid.UUID(int=7)
LETTER = DeadLetter(
    42, ID, 1, "acme", "stripe", "stripe.take_payment", "order:1:payment", "client", "client", "none", "resource_missing",
    "No such customer", "f00d", "open", NOW, None, None, None,
)  # fmt: skip
DEAD = Dead(
    LETTER, ID, "dead", "client", "none", 1, "stripe", "stripe.take_payment", "acme", False, None, None, None, None, False,
    True,
)  # fmt: skip
REQUEUE = 'lockgate deadletter requeue dl_42 --because "…"'
EDIT = 'lockgate deadletter edit dl_42 --because "…"'


@pytest.fixture(scope="module")
def payment() -> BoundKind:
    return Registry(Settings("postgresql://x", "redis://x", Secret("k"))).kind("stripe.take_payment")


def dead(reason: str = "client", effect: str = "none", **changes: Any) -> Dead:
    error_class = changes.pop("error_class", "client" if reason == "client" else None)
    letter = replace(LETTER, reason=reason, effect=effect, error_class=error_class)
    return replace(DEAD, letter=letter, reason=reason, effect=effect, **changes)


def without_key(one: Dead) -> Dead:
    return replace(one, letter=replace(one.letter, business_key=None))


def step(one: Dead, bound: BoundKind | None, status: int | None = None) -> Step:
    return next_step(one, bound, status=status)


@pytest.mark.parametrize(
    ("one", "command"),
    [
        (dead(), EDIT),
        (without_key(dead()), REQUEUE),
        (dead(key_forgotten=True), REQUEUE),
        (dead("exhausted"), REQUEUE),
        (dead("deadline"), REQUEUE),
        (dead("deadline", "unknown"), REQUEUE),
        (dead("no_answer", "unknown"), REQUEUE),
        (
            dead("frozen_key", "unknown"),
            'lockgate deadletter resolve dl_42 --as succeeded --reference REF --because "…"',
        ),
        (dead("frozen_key", frozen=True), EDIT),
        (without_key(dead("frozen_key", frozen=True)), 'lockgate deadletter discard dl_42 --because "…"'),
        (dead("frozen_key", frozen=True, key_forgotten=True), REQUEUE),
        (dead("refused"), 'lockgate deadletter discard dl_42 --because "…"'),
        (
            dead("exhausted", "done", reference="pi_1"),
            'lockgate deadletter resolve dl_42 --as succeeded --reference pi_1 --because "…"',
        ),
    ],
)
def test_the_next_step(payment: BoundKind, one: Dead, command: str) -> None:
    assert step(one, payment).command == command


@pytest.mark.parametrize("status", [301, 307, 308, 403])
def test_what_no_idempotency_layer_saw_is_requeued_and_not_corrected(payment: BoundKind, status: int) -> None:
    assert step(dead(), payment, status).command == REQUEUE
    assert step(dead(), payment, 400).command == EDIT


@pytest.mark.parametrize("means", [Means.KEY, Means.QUERY, Means.NOTHING])
def test_a_requeue_that_is_advised_is_allowed(payment: BoundKind, means: Means) -> None:
    bound = replace(payment, assurance=Assurance(means, 86_400.0, 60.0))
    reasons = ("client", "exhausted", "deadline", "no_answer", "frozen_key", "ambiguous", "refused")
    letters = [
        dead(reason, effect, frozen=frozen, key_forgotten=forgotten)
        for reason, effect, frozen, forgotten in product(
            reasons, ("none", "unknown", "done"), (True, False), (True, False)
        )
    ]
    advised = [one for one in letters if step(one, bound).command == REQUEUE]
    assert 0 < len(advised) < len(letters)
    for one in advised:
        refuse(one, bound)


@pytest.mark.parametrize("means", list(Means))
def test_a_doubt_is_asked_about_or_refused_and_never_just_sent(payment: BoundKind, means: Means) -> None:
    bound = replace(payment, assurance=Assurance(means, 86_400.0, 60.0))
    one = dead("deadline", "unknown")
    try:
        refuse(one, bound)
    except NotAllowedError:
        assert means is Means.NOTHING
    else:
        assert asks_first(one, bound)


@pytest.mark.parametrize("status", ["requeued", "resolved", "discarded", "superseded", "closed"])
def test_what_is_closed_asks_for_nothing_and_cannot_be_requeued(payment: BoundKind, status: str) -> None:
    closed = replace(DEAD, letter=replace(LETTER, status=status, closed_at=NOW, closed_by="ann"), state="waiting")
    assert step(closed, payment).command == ""
    with pytest.raises(NotAllowedError, match="dl_42 was "):
        refuse(closed, payment)


def test_what_was_left_open_is_closed_by_hand(payment: BoundKind) -> None:
    bound = replace(payment, assurance=Assurance(Means.NOTHING))
    assert "--as declined --code resource_missing" in step(dead("left open", "unknown"), bound).command


def test_a_plain_task_is_requeued(payment: BoundKind) -> None:
    del payment
    assert step(dead("raised", provider="local"), None).command == REQUEUE
