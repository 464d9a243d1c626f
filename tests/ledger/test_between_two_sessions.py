"""What one session writes while another one is in the middle of the same operation."""

import threading
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from given.deployment import eventually
from given.ledger import PACE, item

import ledger.record as ledger_record
from ledger import follow, lapsed, reopen
from ledger.accept import Answer, accept
from ledger.claim import Claimed
from ledger.record import Heard, Letter, record
from ledger.release import lapse
from ledger.session import Ledger
from operations.outcome import Effect, ErrorClass
from operations.states import State
from resilience.decide import Confirm, Park, Settle

Claim = Callable[..., Claimed]
Write = Callable[..., bool]
Row = Callable[..., Any]
SUCCESS = Settle(State.SUCCEEDED, Effect.DONE, "pi_1")
HEARD = Heard("succeeded", Effect.DONE, reference="pi_1")
DECLINED = Settle(State.DECLINED, Effect.NONE, code="card_declined")
REFUSED = Heard("declined", Effect.NONE, code="card_declined")


def waits_for_a_lock(ledger: Ledger) -> bool:
    with ledger.connection() as connection:
        row = connection.execute(
            "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND datname = current_database()"
        ).fetchone()
    return row is not None and row[0] > 0


def test_what_follows_a_ticket_that_was_not_committed_as_the_end_was_written_is_sent_all_the_same(
    ledger: Ledger, claimed: Claim, write: Write
) -> None:
    held, late = claimed("order:1"), item("order:1", follows=True)
    with ledger.transaction() as application:
        assert accept(ledger, [late], application)[0].answer is Answer.EXISTING
        writing = threading.Thread(target=write, args=(held, SUCCESS, HEARD))
        writing.start()
        eventually(lambda: waits_for_a_lock(ledger))
    writing.join(60)
    assert not writing.is_alive()
    with ledger.connection() as connection:
        connection.execute("UPDATE lockgate.tickets SET follow_at = follow_at - interval '61 seconds'")
        assert [hint.ticket_id for hint in follow.unfinished(connection, limit=10)] == [late.ticket_id]


def test_a_ticket_whose_operation_goes_on_is_looked_at_again_and_not_hinted_at(ledger: Ledger, claimed: Claim) -> None:
    claimed("order:1")
    assert accept(ledger, [item("order:1", follows=True)])[0].answer is Answer.EXISTING
    with ledger.connection() as connection:
        connection.execute("UPDATE lockgate.tickets SET follow_at = follow_at - interval '61 seconds'")
        assert follow.unfinished(connection, limit=10) == []
        later = connection.execute(
            "SELECT bool_and(follow_at > statement_timestamp() + interval '50 seconds') FROM lockgate.tickets WHERE alias"
        ).fetchone()
    assert later == (True,)


def test_a_proof_and_what_it_proves_are_written_together_or_not_at_all(
    ledger: Ledger, claimed: Claim, write: Write, row: Row, monkeypatch: pytest.MonkeyPatch
) -> None:
    held = claimed()
    lapse(ledger, "w1")
    write(held, Park("ambiguous", Effect.UNKNOWN), Heard("lost", Effect.UNKNOWN, code="worker_lost"))

    def die(*_: object, **__: object) -> bool:
        raise psycopg.OperationalError("killed")

    with monkeypatch.context() as patch:
        patch.setattr(ledger_record, "settle_late", die)
        with pytest.raises(psycopg.OperationalError):
            write(held, SUCCESS, HEARD)
    with ledger.connection() as connection:
        replies = connection.execute("SELECT outcome FROM lockgate.replies").fetchall()
    assert replies == [("lost",)]
    assert write(held, SUCCESS, HEARD)
    assert row("state, effect", held.lease.operation_id) == ("succeeded", "done")


def test_a_late_refusal_is_not_the_end_of_what_has_succeeded(ledger: Ledger, claimed: Claim, write: Write) -> None:
    """Who wrote it would tell the chord of a failure."""
    held = claimed()
    lapse(ledger, "w1")
    write(held, Confirm(0.0, Effect.UNKNOWN, 0), Heard("lost", Effect.UNKNOWN, ErrorClass.AMBIGUOUS))
    with ledger.connection() as connection:
        connection.execute("UPDATE lockgate.operations SET state = 'succeeded', effect = 'done'")
    assert not write(held, DECLINED, REFUSED)
    assert write(held, SUCCESS, HEARD)


def test_what_a_sweep_decided_about_the_epoch_before_is_not_written(
    ledger: Ledger, claimed: Claim, write: Write, row: Row
) -> None:
    held = claimed()
    write(held, Confirm(0.0, Effect.UNKNOWN, 0), Heard("failed", Effect.UNKNOWN))
    with ledger.connection() as connection:
        connection.execute("UPDATE lockgate.operations SET decide_at = statement_timestamp() - interval '1 second'")
        (stray,) = lapsed.overdue(connection, lambda _: held.lease.standing.assurance, known=["acme.make"], limit=1)
    park = Park("deadline", Effect.UNKNOWN)
    assert record(ledger, stray.lease, park, heard=None, pace=PACE, letter=Letter("f"))
    operation = held.lease.operation_id
    with ledger.transaction() as person:
        reopen.requeue(
            person, operation, lane_id=row("lane_id", operation), ask_first=True, give_up_after=60.0, confirm_time=60.0
        )
    assert not record(ledger, stray.lease, park, heard=None, pace=PACE, letter=Letter("f"))
    assert row("state, epoch", operation) == ("unconfirmed", 2)


def test_who_told_of_one_end_does_not_note_that_the_next_was_told(
    ledger: Ledger, claimed: Claim, write: Write, row: Row
) -> None:
    held = claimed(follows=True)
    write(held, Park("client", Effect.NONE), Heard("failed", Effect.NONE, ErrorClass.CLIENT, 400))
    told, operation = follow.ended(ledger, held.ticket_id), held.lease.operation_id
    assert told is not None
    with ledger.transaction() as person:
        reopen.requeue(
            person, operation, lane_id=row("lane_id", operation), ask_first=False, give_up_after=60.0, confirm_time=60.0
        )
    for end in ("waiting", "dead"):
        with ledger.connection() as connection:
            connection.execute("UPDATE lockgate.operations SET state = %s", [end])
        follow.finalise(ledger, held.ticket_id, "default", fence=told.fence, state=told.state)
        assert not follow.ended_many(ledger, [held.ticket_id])[held.ticket_id].finalised
    follow.finalise(ledger, held.ticket_id, "default", fence=told.fence + 1, state="dead")
    assert follow.ended_many(ledger, [held.ticket_id])[held.ticket_id].finalised


def test_nor_while_a_person_is_about_to_requeue_it(ledger: Ledger, claimed: Claim, write: Write, row: Row) -> None:
    held = claimed(follows=True)
    write(held, Park("client", Effect.NONE), Heard("failed", Effect.NONE, ErrorClass.CLIENT, 400))
    operation = held.lease.operation_id
    telling = threading.Thread(
        target=follow.finalise, args=(ledger, held.ticket_id, "default"), kwargs={"fence": 1, "state": "dead"}
    )
    lane = row("lane_id", operation)
    with ledger.transaction() as person:
        reopen.requeue(person, operation, lane_id=lane, ask_first=False, give_up_after=60.0, confirm_time=60.0)
        telling.start()
        eventually(lambda: waits_for_a_lock(ledger))
    telling.join(60)
    assert not telling.is_alive()
    assert not follow.ended_many(ledger, [held.ticket_id])[held.ticket_id].finalised


def test_an_end_that_is_written_again_because_its_answer_was_lost_is_still_ours_to_tell(
    claimed: Claim, write: Write
) -> None:
    held = claimed()
    assert write(held, DECLINED, REFUSED)
    assert write(held, DECLINED, REFUSED)
    assert not write(held, DECLINED, Heard("declined", Effect.NONE, code="card_declined"))


def test_a_batch_without_keys_that_is_accepted_again_because_its_answer_was_lost_is_there_once(ledger: Ledger) -> None:
    items = [item(None), item(None)]
    for answer in (Answer.ACCEPTED, Answer.EXISTING):
        with ledger.transaction() as connection:
            assert [verdict.answer for verdict in accept(ledger, items, connection)] == [answer] * 2
