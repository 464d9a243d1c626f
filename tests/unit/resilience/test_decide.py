"""How an operation goes on: every row of docs/error-classes.md, by class, effect and means."""

from dataclasses import replace
from random import Random

import pytest

from operations.means import Assurance, Means
from operations.operation import Purpose, RetryPolicy, Standing
from operations.outcome import (
    Absent,
    Accepted,
    Declined,
    Deferred,
    Effect,
    ErrorClass,
    Failed,
    Open,
    Present,
    Succeeded,
    Unclear,
)
from operations.states import Reason, State
from resilience.decide import Around, Await, Confirm, Park, Retry, Settle, decide, exhausted, overdue, poisoned

POLICY = RetryPolicy()
K = Assurance(Means.KEY, kept_for=86_400.0, settle=60.0)
N, Q, X = (Assurance(means, settle=60.0) for means in (Means.UNIQUE, Means.QUERY, Means.NOTHING))
REFUSED = Failed(ErrorClass.TRANSIENT, Effect.NONE, "connect_refused", down=True)
TIMEOUT = Failed(ErrorClass.AMBIGUOUS, Effect.UNKNOWN, "read_timeout", down=True)
TOO_MANY = Failed(ErrorClass.RATE_LIMITED, Effect.NONE, "http_429", retry_after=7.0)
WRONG = Failed(ErrorClass.CLIENT, Effect.NONE, "parameter_missing")


def sending(assurance: Assurance = K, **more: object) -> Standing:
    return replace(Standing(Purpose.SEND, assurance), **more)  # type: ignore[arg-type]


def asking(assurance: Assurance = K, **more: object) -> Standing:
    return replace(Standing(Purpose.INQUIRE, assurance, effect=Effect.UNKNOWN), **more)  # type: ignore[arg-type]


def around(*, closed: bool = True, rounds: int = 0) -> Around:
    return Around(POLICY, Random(1), breaker_closed=closed, rounds=rounds)


def test_a_success_settles_with_the_providers_reference() -> None:
    assert decide(sending(), Succeeded("pi_1"), around()) == Settle(State.SUCCEEDED, Effect.DONE, "pi_1")


def test_an_accepted_operation_awaits_its_answer() -> None:
    assert decide(sending(), Accepted("pi_1"), around()) == Await(POLICY.ask_every, "pi_1")


def test_a_refusal_without_a_doubt_before_it_is_declined() -> None:
    assert decide(sending(Q), Declined("inactive"), around()) == Settle(State.DECLINED, Effect.NONE, None, "inactive")


def test_a_refusal_after_a_doubt_is_declined_only_from_behind_the_key() -> None:
    doubtful = sending(effect=Effect.UNKNOWN)
    assert isinstance(decide(doubtful, Declined("card_declined"), around()), Confirm)
    behind = decide(doubtful, Declined("card_declined", behind_key=True), around())
    assert behind == Settle(State.DECLINED, Effect.NONE, None, "card_declined")


def test_what_was_left_open_is_closed_before_it_is_called_declined() -> None:
    decision = decide(sending(), Open("authentication_required", "pi_1"), around())
    assert decision == Confirm(0.0, Effect.UNKNOWN, 0, reference="pi_1", declined="authentication_required")


@pytest.mark.parametrize("assurance", [K, N, Q, X])
def test_a_refused_connection_is_tried_again_by_every_means(assurance: Assurance) -> None:
    decision = decide(sending(assurance), REFUSED, around())
    assert isinstance(decision, Retry)
    assert (decision.effect, decision.failures, decision.reason, decision.tentative) == (
        Effect.NONE,
        1,
        Reason.BACKOFF,
        True,
    )
    assert 0.5 <= decision.delay <= 1.0


def test_delays_grow_as_the_file_says_and_end_in_judgement() -> None:
    delays = []
    for failures in range(4):
        decision = decide(sending(failures=failures), REFUSED, around())
        assert isinstance(decision, Retry)
        delays.append(decision.delay)
    for planned, delay in zip((1.0, 2.0, 4.0, 8.0), delays, strict=True):
        assert planned / 2 <= delay <= planned
    last = decide(sending(failures=4), REFUSED, around())
    assert isinstance(last, Retry)
    assert (last.reason, last.failures, last.tentative) == (Reason.EXHAUSTED, 5, True)


def test_an_outage_uses_up_no_attempt_once_the_breaker_has_opened() -> None:
    decision = decide(sending(failures=4), REFUSED, around(closed=False))
    assert isinstance(decision, Retry)
    assert (decision.reason, decision.failures, decision.tentative) == (Reason.BREAKER, 4, False)


def test_a_429_waits_at_least_as_long_as_asked_and_uses_up_no_attempt() -> None:
    decision = decide(sending(failures=3), TOO_MANY, around())
    assert isinstance(decision, Retry)
    assert (decision.reason, decision.failures) == (Reason.RATE, 3)
    assert 7.0 <= decision.delay <= 8.4


def test_a_mistake_of_ours_is_a_dead_letter_at_once() -> None:
    assert decide(sending(), WRONG, around()) == Park("client", Effect.NONE, ErrorClass.CLIENT)


@pytest.mark.parametrize(
    "later", [WRONG, TOO_MANY, REFUSED, Failed(ErrorClass.CLIENT, Effect.NONE, "401", connection=True)]
)
def test_no_later_refusal_turns_unknown_into_none(later: Failed) -> None:
    decision = decide(sending(effect=Effect.UNKNOWN), later, around())
    assert decision.effect is Effect.UNKNOWN  # type: ignore[union-attr]
    assert not isinstance(decision, Park)


def test_refused_credentials_pause_the_connection_and_use_up_no_attempt() -> None:
    decision = decide(sending(), Failed(ErrorClass.CLIENT, Effect.NONE, "expired", connection=True), around())
    assert isinstance(decision, Retry)
    assert (decision.reason, decision.failures) == (Reason.CONNECTION, 0)


def test_a_doubt_under_a_key_is_repeated_under_the_same_key() -> None:
    decision = decide(sending(K), TIMEOUT, around())
    assert isinstance(decision, Retry)
    assert (decision.effect, decision.failures) == (Effect.UNKNOWN, 1)


@pytest.mark.parametrize("assurance", [N, Q])
def test_a_doubt_without_a_key_is_asked_about_after_the_settle_time(assurance: Assurance) -> None:
    assert decide(sending(assurance), TIMEOUT, around()) == Confirm(60.0, Effect.UNKNOWN, 0)


def test_a_doubt_where_nobody_can_be_asked_is_a_persons_turn() -> None:
    assert decide(sending(X), TIMEOUT, around()) == Park("ambiguous", Effect.UNKNOWN, ErrorClass.AMBIGUOUS)


def test_a_frozen_answer_is_asked_about_and_not_repeated() -> None:
    decision = decide(sending(K), replace(TIMEOUT, code="api_error", frozen=True), around())
    assert decision == Confirm(60.0, Effect.UNKNOWN, 0, frozen=True)


def test_doubts_that_use_up_the_attempts_are_asked_about_before_a_person_is() -> None:
    decision = decide(sending(K, failures=4, effect=Effect.UNKNOWN), replace(TIMEOUT, down=False), around())
    assert isinstance(decision, Confirm)
    assert decision.failures == 5


def test_what_an_inquiry_finds_settles_whatever_came_before() -> None:
    assert decide(asking(), Present(Succeeded("pi_1")), around()) == Settle(State.SUCCEEDED, Effect.DONE, "pi_1")
    assert decide(asking(), Present(Declined("canceled")), around()) == Settle(
        State.DECLINED, Effect.NONE, None, "canceled"
    )


def test_absence_counts_after_the_settle_time_and_twice() -> None:
    early = decide(asking(Q, settle_left=20.0), Absent(), around())
    assert early == Confirm(20.0, Effect.UNKNOWN, 0)
    first = decide(asking(Q), Absent(), around())
    assert first == Confirm(60.0, Effect.UNKNOWN, 0, absent=True)
    hasty = decide(asking(Q, absent_for=30.0), Absent(), around())
    assert hasty == Confirm(30.0, Effect.UNKNOWN, 0)
    second = decide(asking(Q, absent_for=61.0), Absent(), around())
    assert isinstance(second, Retry)
    assert (second.effect, second.failures) == (Effect.NONE, 1)


def test_not_seeing_what_the_provider_has_named_proves_nothing() -> None:
    decision = decide(asking(Q, reference="m-1", absent_for=600.0), Absent(), around())
    assert isinstance(decision, Confirm)
    assert decision.effect is Effect.UNKNOWN


def test_after_a_frozen_answer_money_is_never_sent_under_a_new_key() -> None:
    money = replace(K, money=True)
    assert decide(asking(money, frozen=True, absent_for=61.0), Absent(), around()) == Park(
        "frozen_key", Effect.UNKNOWN, ErrorClass.AMBIGUOUS
    )
    assert decide(asking(K, frozen=True, absent_for=61.0), Absent(), around()) == Park(
        "frozen_key", Effect.NONE, ErrorClass.AMBIGUOUS
    )


def test_an_inquiry_that_fails_proves_nothing_and_is_repeated_ever_more_slowly() -> None:
    waits = []
    for rounds in range(6):
        decision = decide(asking(Q), Unclear("503"), around(rounds=rounds))
        assert isinstance(decision, Confirm)
        assert (decision.effect, decision.absent) == (Effect.UNKNOWN, False)
        waits.append(decision.delay)
    assert waits[0] <= 1.0
    assert waits[5] >= 16.0


def test_an_awaited_answer_goes_on_being_awaited() -> None:
    awaited = asking(awaiting=True, reference="pi_1")
    for heard in (Absent(), Unclear("503"), Present(Accepted("pi_1"))):
        assert decide(awaited, heard, around()) == Await(POLICY.ask_every, "pi_1")


def test_what_was_not_sent_uses_up_nothing() -> None:
    decision = decide(sending(failures=2, effect=Effect.UNKNOWN), Deferred("permit_void", 0.5), around())
    assert decision == Retry(0.5, Reason.BACKOFF, Effect.UNKNOWN, 2)
    assert isinstance(decide(asking(), Deferred("permit_void"), around()), Confirm)


def test_the_last_failure_is_the_outages_if_the_breaker_opened_before_the_next_fell_due() -> None:
    spent = sending(failures=5)
    assert exhausted(spent, breaker_opened=False, policy=POLICY) == Park("exhausted", Effect.NONE, ErrorClass.TRANSIENT)
    again = exhausted(spent, breaker_opened=True, policy=POLICY)
    assert again == Retry(0.0, Reason.BREAKER, Effect.NONE, 4)
    doubtful = exhausted(replace(spent, effect=Effect.UNKNOWN), breaker_opened=False, policy=POLICY)
    assert isinstance(doubtful, Confirm)


def test_when_the_time_is_up_a_doubt_is_asked_about_once_more_and_then_named() -> None:
    assert overdue(sending(), "deadline") == Park("deadline", Effect.NONE)
    assert isinstance(overdue(sending(K, effect=Effect.UNKNOWN), "deadline"), Confirm)
    assert overdue(sending(X, effect=Effect.UNKNOWN), "deadline") == Park(
        "deadline", Effect.UNKNOWN, ErrorClass.AMBIGUOUS
    )
    assert overdue(asking(), "deadline") == Park("deadline", Effect.UNKNOWN)


def test_poison_is_asked_about_where_it_can_be_and_never_sent_again() -> None:
    assert isinstance(poisoned(sending(K)), Confirm)
    assert poisoned(sending(X)) == Park("poison", Effect.UNKNOWN, ErrorClass.AMBIGUOUS)
    assert poisoned(asking()) == Park("poison", Effect.UNKNOWN, ErrorClass.AMBIGUOUS)
    absent = asking(poison=True, absent_for=60.0)
    assert decide(absent, Absent(), around()) == Park("poison", Effect.NONE, ErrorClass.AMBIGUOUS)


@pytest.mark.parametrize("means", [N, Q, X], ids=["N", "Q", "X"])
@pytest.mark.parametrize("error_class", [ErrorClass.TRANSIENT, ErrorClass.AMBIGUOUS, ErrorClass.CLIENT])
def test_without_a_key_a_doubt_is_never_sent_again_whatever_its_class(
    means: Assurance, error_class: ErrorClass
) -> None:
    decision = decide(sending(means), Failed(error_class, Effect.UNKNOWN, "in_use"), around())
    assert isinstance(decision, Park if means is X else Confirm)
    assert decision.effect is Effect.UNKNOWN
