"""Wrong histories that an earlier checker accepted, found by people who tried to get them past it; and two right ones."""

import dataclasses
import math
from collections import Counter
from collections.abc import Callable

import pytest
from given.history import TERMS, Made

from soak.checker.check import judge
from soak.checker.journal import Request, Stall
from soak.checker.ledger import Operation
from soak.report.figures import figures

from .test_the_checker_can_fail import claim_while_another_holds, kill, open_the_breaker, send_before_the_intent

PAYMENT, MAIL, THING, PING = (kind.name for kind in TERMS.kinds)
Bend = Callable[[Made], None]


def resend_without_a_mark(made: Made) -> None:
    first = made.request(PING)
    first.status, first.how = None, "hung"
    made.again(first, seq=998, at=first.at - 40, mono=first.mono - 40, mark="")


def look_with_a_strange_credential(made: Made) -> None:
    made.again(made.request(THING), seq=999, method="GET", path="/things/else", mark="", tenant="d9", mono=300.0)


def look_for_it_with_anothers_credential(made: Made) -> None:
    made.again(made.request(PAYMENT), seq=999, method="GET", path="/v1/w-charge", mark="", tenant="d2", mono=300.0)


def charge_what_the_ledger_has_not(made: Made) -> None:
    made.dump.operations.remove(made.operation(PAYMENT))
    made.asked = [
        dataclasses.replace(line, answer="unsure", ticket="") if line.ticket == "ticket-charge" else line
        for line in made.asked
    ]


def lose_every_ticket(made: Made) -> None:
    for operation in made.dump.operations:
        operation.tickets = []


def correct(made: Made, kind: str) -> Operation:
    """There was an earlier generation, which did nothing."""
    new = made.operation(kind)
    new.generation = 2
    old = dataclasses.replace(new, id="op-0", generation=1, state="superseded", effect="none", reference=None)
    old.marks, old.tickets, old.attempts, old.replies = ["lg_old"], [], [], []
    made.dump.operations.append(old)
    return new


def correct_and_hold_twice(made: Made) -> None:
    correct(made, MAIL)
    claim_while_another_holds(made)


def correct_and_send_before_the_intent(made: Made) -> None:
    correct(made, MAIL)
    send_before_the_intent(made)


def correct_and_send_other_bytes(made: Made) -> None:
    new = correct(made, PAYMENT)
    first = made.request(PAYMENT)
    new.attempts.append(Made.attempt(new, 2, first.at + 6))
    made.again(first, seq=999, at=first.at + 7, mono=first.mono + 7, body="b2")


def correct_and_claim_the_others_effect(made: Made) -> None:
    correct(made, PING).reference = None
    made.effect(PING).mark = "lg_old"


def give_up_and_be_requeued(made: Made) -> None:
    operation = made.operation(PAYMENT)
    operation.epoch = 2
    operation.letters = [
        {
            "operation": operation.id,
            "epoch": 1,
            "reason": "deadline",
            "effect": "none",
            "status": "requeued",
            "at": 100.2,
        }
    ]


def give_up_on_an_answer(made: Made) -> None:
    kill(made, "done")
    made.operation(PAYMENT).reason = made.operation(PAYMENT).letters[0]["reason"] = "no_answer"


def flood(made: Made, count: int, seconds: float) -> None:
    first = made.request(PAYMENT)
    for number in range(count):
        made.again(
            first, seq=2000 + number, method="GET", mark="", mono=first.mono + number * seconds / count, crowd=(1, 1)
        )
    made.journal.stalls = [Stall(first.mono - 1.0, first.mono + seconds)]


def flood_in_a_standstill(made: Made) -> None:
    flood(made, 300, 0.5)


def flood_for_a_minute(made: Made) -> None:
    flood(made, 3600, 60.0)


def write_another_effect_on_the_letter(made: Made) -> None:
    kill(made, "done")
    made.operation(PAYMENT).letters[0]["effect"] = "none"


def close_the_letter_of_the_dead(made: Made) -> None:
    kill(made, "done")
    made.operation(PAYMENT).letters[0]["status"] = "requeued"


def leave_an_old_letter_open(made: Made) -> None:
    kill(made, "done")
    operation = made.operation(PAYMENT)
    operation.state, operation.reason, operation.epoch = "succeeded", None, 2


def call_what_was_never_taken_done(made: Made) -> None:
    kill(made, "done")
    made.effect(PAYMENT).name = "open"


def take_back_from_the_living(made: Made) -> None:
    operation = made.operation(MAIL)
    at = operation.attempts[0]["at"]
    operation.attempts.append(Made.attempt(operation, 2, at + 0.3))
    operation.replies = [
        Made.reply(operation, 1, at + 0.2, "lost"),
        Made.reply(operation, 2, at + 0.5),
        Made.reply(operation, 1, at + 3.0) | {"late": True},
    ]


def unsent(made: Made) -> Request:
    """The mail's first attempt came to nothing before its byte; the request of the second."""
    operation, first = made.operation(MAIL), made.request(MAIL)
    operation.attempts.insert(0, Made.attempt(operation, 0, first.at - 8) | {"lease_until": first.at - 4})
    return first


def retry_below_after_an_unsent_attempt(made: Made) -> None:
    first = unsent(made)
    made.again(first, seq=999, at=first.at + 0.05, mono=first.mono + 0.05)


def send_before_the_intent_after_an_unsent_attempt(made: Made) -> None:
    unsent(made).at -= 3.0


def probe_in_crowds_after_a_refusal(made: Made) -> None:
    open_the_breaker(made, 1.0, 2.5, 2.6)
    probe = next(one for one in made.journal.requests if one.seq == 800)
    probe.status, probe.how, probe.until, probe.fault = 422, "sent", probe.at + 0.1, "F21"


def probe_in_crowds_and_never_close(made: Made) -> None:
    open_the_breaker(made, 2.5, 2.6)
    made.dump.breaker.pop()


def throw_the_proof_away(made: Made) -> None:
    kill(made, "unknown")


def know_nothing_that_could_be_asked(made: Made) -> None:
    kill(made, "unknown")
    made.operation(PAYMENT).replies.clear()


BENT: list[tuple[Bend, str]] = [
    (resend_without_a_mark, "R8 sent unasked"),
    (look_with_a_strange_credential, "S8 wrong tenant"),
    (look_for_it_with_anothers_credential, "S8 wrong tenant"),
    (charge_what_the_ledger_has_not, "S1 lost"),
    (lose_every_ticket, "S1 lost"),
    (correct_and_hold_twice, "S5 two claims"),
    (correct_and_send_before_the_intent, "S5 sent before the intent"),
    (correct_and_send_other_bytes, "R8 other bytes"),
    (correct_and_claim_the_others_effect, "S4 falsely failed"),
    (give_up_and_be_requeued, "R7 given up"),
    (give_up_on_an_answer, "R7 given up"),
    (flood_in_a_standstill, "S7 over the limit"),
    (flood_for_a_minute, "S7 over the limit"),
    (write_another_effect_on_the_letter, "S4 false letter"),
    (close_the_letter_of_the_dead, "S1 no letter"),
    (leave_an_old_letter_open, "S1 two ends"),
    (call_what_was_never_taken_done, "S4 false letter"),
    (take_back_from_the_living, "S5 two claims"),
    (retry_below_after_an_unsent_attempt, "R8 sent unasked"),
    (send_before_the_intent_after_an_unsent_attempt, "S5 sent before the intent"),
    (probe_in_crowds_after_a_refusal, "R7 leaked"),
    (probe_in_crowds_and_never_close, "R7 leaked"),
    (throw_the_proof_away, "S4 proof thrown away"),
    (know_nothing_that_could_be_asked, "R3 needlessly unknown"),
]


@pytest.mark.parametrize(("bend", "found"), BENT, ids=[bend.__name__ for bend, _ in BENT])
def test_it_is_found(bend: Bend, found: str) -> None:
    made = Made()
    bend(made)
    assert found in judge(made.history()).kinds


def test_a_corrected_operation_is_no_fault() -> None:
    made = Made()
    correct(made, PAYMENT)
    assert judge(made.history()).violations == ()


def test_what_was_read_after_a_standstill_is_no_leak() -> None:
    made = Made()
    open_the_breaker(made, 4.0, 4.01)
    last = made.journal.requests[-1].mono
    made.journal.stalls = [Stall(last - 3.2, last + 0.01)]
    assert judge(made.history()).violations == ()


def test_what_follows_a_probe_that_was_read_after_a_standstill_and_answered_is_no_leak() -> None:
    made = Made()
    open_the_breaker(made, 4.0, 4.5, 4.6)
    probe = next(one for one in made.journal.requests if one.seq == 800)
    probe.status, probe.how, probe.until = 200, "sent", probe.at + 0.1
    made.journal.stalls = [Stall(probe.mono - 0.2, probe.mono + 0.02)]
    assert judge(made.history()).violations == ()


def test_a_probe_that_is_known_to_be_the_only_one_is_none_either() -> None:
    made = Made()
    open_the_breaker(made, 1.0, 3.5)
    made.dump.breaker.pop()
    assert judge(made.history()).violations == ()


def test_several_standstills_are_told_apart() -> None:
    made = Made()
    made.journal.stalls = [Stall(1.0, 2.0), Stall(1.0, 2.02), Stall(5.0, 5.5)]
    found = [made.journal.stall(mono) for mono in (0.5, 1.0, 1.5, 2.01, 2.5, 5.5, math.inf)]
    assert found == [None, None, Stall(1.0, 2.0), Stall(1.0, 2.02), None, Stall(5.0, 5.5), None]


def test_what_is_read_after_a_standstill_is_no_other_one() -> None:
    made = Made()
    made.journal.stalls = [Stall(1.0, 2.0), Stall(1.0, 2.02), Stall(1.0, 2.04), Stall(5.0, 5.5)]
    assert figures(made.history(), [], Counter())["standstills"] == {"n": 2, "p50": 1.0, "p99": 1.0, "max": 1.0}
