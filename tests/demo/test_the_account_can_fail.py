"""The demo's account is true only if it can be false: every way of breaking the promise is found in doctored papers."""

from dataclasses import replace

import pytest

from demo.asked import Asked
from demo.journal import Effect
from demo.rows import Row
from demo.verdict import Verdict, judge, without

PAY, CAPTURE, MAIL = "stripe.take_payment", "stripe.capture_payment", "postmark.send_email"


def asked(number: int, kind: str = PAY, **more: str) -> Asked:
    told = Asked(kind, "acme", f"order:{number}:payment", f"ticket-{number}", "accepted", "delay")
    return replace(told, **more)  # type: ignore[arg-type]


def row(number: int, kind: str = PAY, state: str = "succeeded", effect: str = "done", **more: str) -> Row:
    reference = f"pi_{number}" if state == "succeeded" else ""
    made = Row(
        f"ticket-{number}", f"operation-{number}", "acme", kind, f"order:{number}:payment", f"key-{number}", state,
        effect, reference, "", "",
    )  # fmt: skip
    return replace(made, **more)


def charge(number: int, name: str = "charge", **more: object) -> Effect:
    made = Effect("stripe", name, f"key-{number}", f"pi_{number}", "tenant")
    return replace(made, **more)  # type: ignore[arg-type]


def found(verdict: Verdict) -> list[str]:
    return [problem.what for problem in verdict.problems]


GOOD = (
    [asked(1), asked(2), asked(3), asked(4), asked(5), asked(6), asked(7)],
    [
        row(1), row(2, state="declined", effect="none"), row(3, state="dead", effect="none"),
        row(4, state="dead", effect="done"), row(5, state="dead", effect="unknown"),
        row(6, state="dead", effect="unknown"), row(7),
    ],
    [charge(1), charge(2, "open", standing=False), charge(4), charge(5), charge(7)],
)  # fmt: skip


def test_what_is_as_promised_passes() -> None:
    verdict = judge(*GOOD)
    assert verdict.problems == []
    assert (verdict.accepted, verdict.effects) == (7, 4)
    assert dict(verdict.ends) == {"succeeded": 2, "declined": 1, "dead/none": 1, "dead/done": 1, "dead/unknown": 2}


def doctored(rows: dict[int, Row | None] | None = None, effects: list[Effect] | None = None) -> list[str]:
    """The good papers with rows replaced or removed, and effects added."""
    changed = dict(enumerate(GOOD[1])) | {number - 1: changed for number, changed in (rows or {}).items()}
    return found(judge(GOOD[0], [kept for kept in changed.values() if kept], [*GOOD[2], *(effects or [])]))


def test_a_second_effect_is_found_whatever_the_ledger_says() -> None:
    for number in (1, 4, 5):
        assert doctored(effects=[charge(number, reference="pi_again")]) == ["doubled"]


def test_an_operation_that_is_not_in_the_ledger_is_lost() -> None:
    assert doctored({3: None}) == ["lost"]


@pytest.mark.parametrize("state", ["waiting", "calling", "unconfirmed", "awaiting"])
def test_what_has_not_ended_is_stuck(state: str) -> None:
    assert doctored({3: row(3, state=state, effect="none")}) == ["stuck"]


def test_what_has_not_ended_is_no_problem_while_it_may_still_end() -> None:
    rows = [*GOOD[1][:2], row(3, state="waiting", effect="none"), *GOOD[1][3:]]
    assert judge(GOOD[0], rows, GOOD[2], ended=False).problems == []


def test_a_success_without_its_effect_is_false() -> None:
    assert doctored({3: row(3)}) == ["misreported"]


def test_a_success_under_another_reference_is_false() -> None:
    assert doctored({1: row(1, reference="pi_other")}) == ["misreported"]


def test_a_success_whose_payment_is_only_open_is_false() -> None:
    assert found(judge([asked(1)], [row(1)], [charge(1, "open")])) == ["misreported"]


def test_none_and_declined_with_an_effect_are_false() -> None:
    assert doctored(effects=[charge(3)]) == ["misreported"]
    assert doctored(effects=[charge(2)]) == ["misreported"]


def test_a_declined_payment_that_was_left_open_is_false() -> None:
    assert found(judge([asked(1)], [row(1, state="declined", effect="none")], [charge(1, "open")])) == ["misreported"]


def test_done_without_an_effect_is_false() -> None:
    assert doctored({6: row(6, state="dead", effect="done")}) == ["misreported"]


def test_an_effect_and_an_operation_of_nobodys_are_found() -> None:
    assert doctored(effects=[charge(99)]) == ["unasked"]
    assert found(judge([asked(1)], [row(1), row(2, state="declined", effect="none")], [charge(1)])) == ["unasked"]


def test_a_maybe_may_be_there_or_not_but_what_is_there_must_be_true() -> None:
    maybe = asked(1, ticket="", answer="maybe")
    assert judge([maybe], [], []).problems == []
    assert judge([maybe], [row(1)], [charge(1)]).problems == []
    assert found(judge([maybe], [row(1)], [])) == ["misreported"]
    assert found(judge([maybe], [], [charge(1)])) == ["unasked"]


def test_a_maybe_that_was_asked_again_counts_once() -> None:
    verdict = judge([asked(1, ticket="", answer="maybe"), asked(1)], [row(1)], [charge(1)])
    assert (verdict.accepted, verdict.raised, verdict.maybe, verdict.problems) == (1, 1, 0, [])


CHAIN = [asked(1), asked(2, CAPTURE, key="", after="ticket-1")]
CAPTURED = row(2, CAPTURE, key="pi_1:capture", reference="pi_1")


def test_a_later_step_is_there_if_the_step_before_succeeded_and_only_then() -> None:
    capture = charge(1, "capture")
    assert judge(CHAIN, [row(1), CAPTURED], [charge(1), capture]).problems == []
    assert found(judge(CHAIN, [row(1)], [charge(1)])) == ["lost"]
    refused = row(1, state="declined", effect="none")
    assert judge(CHAIN, [refused], []).problems == []
    assert judge(CHAIN, [refused], []).accepted == 1
    assert found(judge(CHAIN, [refused, CAPTURED], [])) == ["misreported"]


def test_a_capture_that_did_not_happen_is_false() -> None:
    assert found(judge(CHAIN, [row(1), CAPTURED], [charge(1)])) == ["misreported"]


def test_one_operation_for_two_tickets_is_judged_once() -> None:
    second = replace(row(1), ticket="ticket-2")
    verdict = judge([asked(1), asked(1, ticket="ticket-2")], [row(1), second], [charge(1)])
    assert (verdict.problems, verdict.accepted, sum(verdict.ends.values())) == ([], 1, 1)


def test_one_key_that_became_two_operations_is_doubled() -> None:
    other = replace(row(2), key=row(1).key)
    assert found(judge([asked(1), asked(1, ticket="ticket-2")], [row(1), other], [charge(1), charge(2)])) == ["doubled"]


def test_a_provider_without_a_journal_is_left_out_with_what_follows_it() -> None:
    mail = asked(3, MAIL, key="mail:3")
    papers, rows = without(["stripe"], [*CHAIN, mail], [row(1), CAPTURED, row(3, MAIL, key="mail:3")])
    assert ([one.kind for one in papers], [one.kind for one in rows]) == ([MAIL], [MAIL])
    assert without([], CHAIN, [row(1)]) == (CHAIN, [row(1)])


def renewed(number: int, old: Row, **more: str) -> Row:
    """The next generation of an operation, which a person opened: nobody asked for its ticket."""
    return row(number, key=old.key, supersedes=old.operation, **more)


def test_a_generation_that_a_person_opened_stands_in_the_place_of_the_one_before() -> None:
    old = row(1, state="superseded", effect="none")
    assert judge([asked(1)], [old, renewed(11, old)], [charge(11)]).problems == []
    again = renewed(11, old, state="superseded", effect="none")
    assert judge([asked(1)], [old, again, renewed(12, again)], [charge(12)]).problems == []


def test_an_effect_of_both_generations_is_found() -> None:
    old = row(1, state="superseded", effect="none")
    assert found(judge([asked(1)], [old, renewed(11, old)], [charge(1), charge(11)])) == ["misreported"]


def test_a_generation_of_what_nobody_asked_for_is_unasked() -> None:
    old = row(1, state="superseded", effect="none")
    assert found(judge([], [old, renewed(11, old)], [])) == ["unasked", "unasked"]


def test_what_a_person_discarded_may_not_have_happened() -> None:
    assert judge([asked(1)], [row(1, state="discarded", effect="none")], []).problems == []
    assert found(judge([asked(1)], [row(1, state="discarded", effect="none")], [charge(1)])) == ["misreported"]
