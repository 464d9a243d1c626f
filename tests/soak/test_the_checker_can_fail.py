"""The checker accepts a right history, and finds each sort of wrong in one that was bent by hand."""

import dataclasses
from collections.abc import Callable

import pytest
from given.history import TERMS, Made

from soak.checker.check import judge, report
from soak.checker.journal import Stall

PAYMENT, MAIL, THING, PING = (kind.name for kind in TERMS.kinds)
Bend = Callable[[Made], None]


def lose(made: Made) -> None:
    made.dump.operations.remove(made.operation(MAIL))


def lose_the_ticket(made: Made) -> None:
    made.operation(MAIL).tickets = ["another"]


def mix_up(made: Made) -> None:
    first, second = made.operation(MAIL), made.operation(THING)
    first.tickets, second.tickets = second.tickets, first.tickets


def double_the_operation(made: Made) -> None:
    made.dump.operations.append(dataclasses.replace(made.operation(PAYMENT), id="op-2", tickets=[]))


def get_stuck(made: Made) -> None:
    made.operation(THING).state = "waiting"


def die_without_a_letter(made: Made) -> None:
    made.operation(PAYMENT).state = "dead"


def end_twice(made: Made) -> None:
    operation = made.operation(PAYMENT)
    letter = {
        "operation": operation.id,
        "epoch": 1,
        "reason": "client",
        "effect": "done",
        "status": "open",
        "at": 101.0,
    }
    operation.letters.append(letter)


def accept_what_nobody_wants(made: Made) -> None:
    made.dump.operations.append(
        dataclasses.replace(made.operation(PAYMENT), id="op-2", key="order:else:payment", tickets=[])
    )


def do_what_nobody_wants(made: Made) -> None:
    made.again(made.effect(PAYMENT), mark="lg_else", reference="ref_else", names=frozenset())


def do_it_twice(made: Made) -> None:
    made.again(made.effect(MAIL), reference="ref_second")


def do_it_twice_under_another_key(made: Made) -> None:
    made.again(made.effect(PAYMENT), mark="fresh-uuid", reference="ref_second")


def resend_after_a_doubt(made: Made) -> None:
    first = made.request(PING)
    first.status, first.how = None, "hung"
    made.operation(PING).attempts.append(Made.attempt(made.operation(PING), 2, first.at + 6))
    made.again(first, seq=999, at=first.at + 7, mono=first.mono + 7, status=202, how="sent")


def claim_success(made: Made) -> None:
    made.journal.effects.remove(made.effect(MAIL))


def call_it_failed(made: Made) -> None:
    kill(made, "none")


def call_it_done(made: Made) -> None:
    kill(made, "done")
    made.journal.effects.remove(made.effect(PAYMENT))


def call_it_declined(made: Made) -> None:
    made.operation(PAYMENT).state = "declined"


def kill(made: Made, effect: str) -> None:
    operation = made.operation(PAYMENT)
    operation.state, operation.effect, operation.reason = "dead", effect, "client"
    operation.letters = [
        {"operation": operation.id, "epoch": 1, "reason": "client", "effect": effect, "status": "open", "at": 101.0}
    ]


def name_another_reference(made: Made) -> None:
    made.operation(PAYMENT).reference = "ref_of_somebody_else"


def leave_it_open(made: Made) -> None:
    made.effect(PAYMENT).name = "open"


def claim_while_another_holds(made: Made) -> None:
    operation = made.operation(MAIL)
    operation.replies.clear()
    operation.attempts.append(Made.attempt(operation, 2, operation.attempts[0]["at"] + 1.0))


def let_the_fence_fall(made: Made) -> None:
    operation = made.operation(MAIL)
    operation.attempts.append(Made.attempt(operation, 1, operation.attempts[0]["at"] + 9.0))


def send_before_the_intent(made: Made) -> None:
    made.request(MAIL).at -= 0.4


def retry_below(made: Made) -> None:
    first = made.request(THING)
    made.again(first, seq=999, at=first.at + 0.1, mono=first.mono + 0.1)


def change_the_bytes(made: Made) -> None:
    send_again(made, body="b2")


def change_the_key(made: Made) -> None:
    send_again(made, key="fresh")


def send_again(made: Made, **changes: str) -> None:
    first, operation = made.request(PAYMENT), made.operation(PAYMENT)
    operation.attempts.append(Made.attempt(operation, 2, first.at + 6))
    made.again(first, seq=999, at=first.at + 7, mono=first.mono + 7, **changes)


def give_up(made: Made) -> None:
    kill(made, "done")
    made.operation(PAYMENT).reason = made.operation(PAYMENT).letters[0]["reason"] = "deadline"


def open_the_breaker(made: Made, *gaps: float) -> None:
    """And then call so many seconds after it opened; nobody answers."""
    first = made.request(MAIL)
    opened = first.at + 20
    made.dump.breaker = [
        {"provider": "postmark", "after": "open", "at": opened, "trip": 1, "before": "closed"},
        {"provider": "postmark", "after": "closed", "at": opened + 9, "trip": 1, "before": "open"},
    ]
    for number, gap in enumerate(gaps):
        made.again(
            first, seq=800 + number, method="GET", mark="", at=opened + gap, mono=first.mono + 20 + gap, status=None,
            how="hung",
        )  # fmt: skip


def probe_twice_at_once(made: Made) -> None:
    open_the_breaker(made, 1.0, 2.5)


def use_another_tenants_token(made: Made) -> None:
    made.request(PAYMENT).tenant = "d2"


def burst(made: Made) -> None:
    first = made.request(PAYMENT)
    for number in range(3):
        made.again(first, seq=900 + number, method="GET", mark="", mono=first.mono + 0.1 * number)


def crowd(made: Made) -> None:
    made.request(THING).crowd = (3, 3)


BENT: list[tuple[Bend, str]] = [
    (lose, "S1 lost"),
    (lose_the_ticket, "S1 lost"),
    (mix_up, "S1 mixed up"),
    (double_the_operation, "S1 doubled"),
    (get_stuck, "L1 stuck"),
    (die_without_a_letter, "S1 no letter"),
    (end_twice, "S1 two ends"),
    (accept_what_nobody_wants, "S1 unasked"),
    (do_what_nobody_wants, "S1 unasked"),
    (do_it_twice, "S2 doubled"),
    (do_it_twice_under_another_key, "S2 doubled"),
    (resend_after_a_doubt, "S2 resent"),
    (claim_success, "S3 false success"),
    (call_it_failed, "S4 falsely failed"),
    (call_it_done, "S4 false letter"),
    (call_it_declined, "S4 falsely declined"),
    (name_another_reference, "S3 wrong reference"),
    (leave_it_open, "S3 unfinished"),
    (claim_while_another_holds, "S5 two claims"),
    (let_the_fence_fall, "S5 fence"),
    (send_before_the_intent, "S5 sent before the intent"),
    (retry_below, "R8 sent unasked"),
    (change_the_bytes, "R8 other bytes"),
    (change_the_key, "R8 other key"),
    (give_up, "R7 given up"),
    (probe_twice_at_once, "R7 leaked"),
    (use_another_tenants_token, "S8 wrong tenant"),
    (burst, "S7 over the limit"),
    (crowd, "S7 over the limit"),
]


def test_a_right_history_is_accepted() -> None:
    history = Made().history()
    verdict = judge(history)
    assert verdict.violations == ()
    assert verdict.ends == {"succeeded": 4}
    assert list(report(history, verdict)) == []


@pytest.mark.parametrize(("bend", "found"), BENT, ids=[bend.__name__ for bend, _ in BENT])
def test_each_sort_of_wrong_is_found_and_nothing_else(bend: Bend, found: str) -> None:
    made = Made()
    bend(made)
    assert set(judge(made.history()).kinds) == {found}


def test_what_has_not_ended_is_no_fault_before_the_end() -> None:
    made = Made()
    get_stuck(made)
    assert judge(made.history(ended=False)).violations == ()


def test_a_refusal_that_was_heard_may_be_sent_again_by_every_means() -> None:
    made = Made()
    resend_after_a_doubt(made)
    made.request(PING).status, made.request(PING).how = 429, "sent"
    assert judge(made.history()).violations == ()


def test_one_probe_after_another_and_what_was_under_way_as_the_breaker_opened_is_no_leak() -> None:
    made = Made()
    open_the_breaker(made, 0.1, 0.2, 1.0, 3.1, 5.2)
    assert judge(made.history()).violations == ()


def test_a_probe_that_the_provider_hung_up_on_is_over_at_once() -> None:
    made = Made()
    open_the_breaker(made, 1.0, 1.5)
    first, _ = (request for request in made.journal.requests if request.how == "hung")
    first.how, first.until = "handshake", first.at + 0.01
    assert judge(made.history()).violations == ()


def test_an_effect_that_was_undone_does_not_count() -> None:
    made = Made()
    made.again(made.effect(PAYMENT), reference="ref_cancelled", standing=False)
    assert judge(made.history()).violations == ()


def test_a_violation_is_told_with_all_three_sources_in_order_and_how_to_see_it_again() -> None:
    made = Made()
    do_it_twice(made)
    history = made.history()
    lines = list(report(history, judge(history)))
    assert lines[0].startswith("VIOLATED S2 (doubled): postmark.send_email mail:w-email of acme has 2 effects")
    story = lines[1].splitlines()
    assert [line.split()[1] for line in story[1:]] == [
        "client", "ledger", "client", "ledger", "provider", "provider", "provider", "ledger", "ledger",
    ]  # fmt: skip
    assert lines[-1] == "seed 7; the same run again: python -m soak --seed=7"


def test_what_was_read_after_a_standstill_may_have_come_before_the_window() -> None:
    made = Made()
    burst(made)
    last = made.journal.requests[-1].mono
    made.journal.stalls = [Stall(last - 1.05, last + 0.01)]
    crowd(made)
    made.journal.stalls += [Stall(made.request(THING).mono - 0.2, made.request(THING).mono)]
    assert judge(made.history()).violations == ()


def test_what_came_for_certain_within_the_window_is_over_the_limit_standstill_or_not() -> None:
    made = Made()
    burst(made)
    last = made.journal.requests[-1].mono
    made.journal.stalls = [Stall(last - 0.7, last + 0.01), Stall(last + 1, last + 9)]
    assert set(judge(made.history()).kinds) == {"S7 over the limit"}
