"""Accepting: one operation per key, one verdict per item, nothing twice."""

import threading
import uuid
from dataclasses import replace

import psycopg
import pytest
from given.ledger import LANE, TERMS, item

from ledger.accept import Acceptance, Answer, accept
from ledger.claim import claim
from ledger.seal import SealError
from ledger.session import Ledger
from operations.errors import AcceptBusy


def test_a_repetition_gets_a_second_ticket_for_the_same_operation(ledger: Ledger) -> None:
    first = accept(ledger, [item()])[0]
    again = item()
    second = accept(ledger, [again])[0]
    assert first.answer is Answer.ACCEPTED
    assert first.hint
    assert (second.answer, second.operation_id, second.hint) == (Answer.EXISTING, first.operation_id, False)
    with ledger.connection() as connection:
        tickets = connection.execute(
            "SELECT id, alias FROM lockgate.tickets WHERE operation_id = %s", [first.operation_id]
        )
        assert dict(tickets.fetchall())[again.ticket_id] is True


def test_other_arguments_under_the_same_key_are_a_conflict_and_store_nothing(ledger: Ledger) -> None:
    first = accept(ledger, [item()])[0]
    other = item(given={"amount": 9999})
    verdict = accept(ledger, [other])[0]
    assert (verdict.answer, verdict.operation_id, verdict.why) == (
        Answer.CONFLICT,
        first.operation_id,
        "other arguments",
    )
    with ledger.connection() as connection:
        assert connection.execute(
            "SELECT count(*) FROM lockgate.tickets WHERE id = %s", [other.ticket_id]
        ).fetchone() == (0,)


def test_the_same_ticket_accepted_twice_changes_nothing(ledger: Ledger) -> None:
    keyed, nameless = item(), item(key=None)
    for asked in (keyed, nameless):
        first = accept(ledger, [asked])[0]
        second = accept(ledger, [_again(asked)])[0]
        assert (second.answer, second.operation_id) == (Answer.EXISTING, first.operation_id)


def _again(asked: Acceptance) -> Acceptance:
    return replace(asked, operation_id=uuid.uuid4())


def test_a_task_id_that_stands_for_another_operation_is_a_conflict(ledger: Ledger) -> None:
    asked = item("order:1")
    accept(ledger, [asked])
    verdict = accept(ledger, [item("order:2", ticket_id=asked.ticket_id)])[0]
    assert verdict.answer is Answer.CONFLICT
    assert asked.ticket_id in verdict.why


def test_a_batch_answers_each_item_in_order_and_compares_inside_itself(ledger: Ledger) -> None:
    accept(ledger, [item("order:3")])
    verdicts = accept(
        ledger,
        [item("order:2"), item("order:3"), item("order:1"), item("order:1"), item("order:1", given={"amount": 1})],
    )
    assert [verdict.answer for verdict in verdicts] == [
        Answer.ACCEPTED, Answer.EXISTING, Answer.ACCEPTED, Answer.EXISTING, Answer.CONFLICT,
    ]  # fmt: skip
    assert verdicts[3].operation_id == verdicts[2].operation_id


def test_of_two_equal_items_of_a_batch_the_first_is_accepted_however_their_keys_sort(ledger: Ledger) -> None:
    orders = [f"order:{number}" for number in range(200)]
    verdicts = accept(ledger, [item(order) for order in [*orders, *orders]])
    assert {verdict.answer for verdict in verdicts[:200]} == {Answer.ACCEPTED}
    assert {verdict.answer for verdict in verdicts[200:]} == {Answer.EXISTING}


def test_a_known_ticket_in_a_batch_does_not_spoil_the_others(ledger: Ledger) -> None:
    known = item("order:1")
    accept(ledger, [known])
    verdicts = accept(ledger, [item("order:2"), _again(known), item("order:3")])
    assert [verdict.answer for verdict in verdicts] == [Answer.ACCEPTED, Answer.EXISTING, Answer.ACCEPTED]


def test_two_callers_with_one_key_at_the_same_instant_get_one_operation(ledger: Ledger) -> None:
    barrier, found = threading.Barrier(8), []

    def call() -> None:
        asked = item("order:9")
        barrier.wait()
        found.append(accept(ledger, [asked])[0])

    threads = [threading.Thread(target=call) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(verdict.answer for verdict in found) == [Answer.ACCEPTED, *[Answer.EXISTING] * 7]
    assert len({verdict.operation_id for verdict in found}) == 1


def test_a_rolled_back_transaction_of_the_caller_leaves_no_trace_and_the_key_free(ledger: Ledger) -> None:
    with pytest.raises(ZeroDivisionError), ledger.transaction() as connection:
        accept(ledger, [item()], connection)
        raise ZeroDivisionError
    assert accept(ledger, [item()])[0].answer is Answer.ACCEPTED


def test_a_key_that_another_transaction_holds_is_busy_and_the_callers_transaction_lives(ledger: Ledger) -> None:
    with ledger.transaction() as holder:
        accept(ledger, [item()], holder)
        with ledger.transaction() as caller:
            caller.execute("CREATE TEMPORARY TABLE mine ON COMMIT DROP AS SELECT 1")
            with pytest.raises(AcceptBusy):
                accept(ledger, [item()], caller)
            assert caller.execute("SELECT count(*) FROM mine").fetchone() == (1,)


def test_an_operation_for_later_is_not_hinted_and_one_in_a_paced_lane_neither(ledger: Ledger) -> None:
    assert not accept(ledger, [item("order:1", due_in=60.0)])[0].hint
    with ledger.connection() as connection:
        connection.execute("UPDATE lockgate.lanes SET paced_until = clock_timestamp() + interval '1 minute'")
    assert not accept(ledger, [item("order:2")])[0].hint


def test_what_is_private_cannot_be_read_in_the_database(ledger: Ledger) -> None:
    secret = "ada@example.com"
    accept(ledger, [item(arguments={"email": secret}, given={"email": secret}, message={"body": secret})])
    with ledger.connection() as connection:
        for table in ("operations", "bodies", "tickets", "business_keys"):
            dump = connection.execute(f"SELECT t::text FROM lockgate.{table} t").fetchall()
            assert dump
            assert secret not in str(dump)
            assert secret.encode().hex() not in str(dump)


def test_a_sealed_body_moved_to_another_row_does_not_open(ledger: Ledger) -> None:
    first, second = item("order:1"), item("order:2")
    accept(ledger, [first, second])
    with ledger.connection() as connection:
        connection.execute(
            "UPDATE lockgate.bodies SET sealed = (SELECT sealed FROM lockgate.bodies WHERE operation_id = %s)",
            [first.operation_id],
        )
    with pytest.raises(SealError):
        claim(ledger, second.ticket_id, TERMS, worker="w1")


def test_rows_of_evidence_are_only_ever_added(ledger: Ledger) -> None:
    asked = item()
    accept(ledger, [asked])
    claim(ledger, asked.ticket_id, TERMS, worker="w1")
    with ledger.connection() as connection, pytest.raises(psycopg.errors.RestrictViolation):
        connection.execute("UPDATE lockgate.attempts SET worker = 'other'")


def test_lanes_are_found_again_by_another_process(ledger: Ledger, database_url: str, data_key: str) -> None:
    accept(ledger, [item("order:1")])
    other = Ledger(database_url, data_key)
    accept(other, [item("order:2")])
    assert other.lanes[LANE] == ledger.lanes[LANE]
    other.close()
