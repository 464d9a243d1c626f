"""After a restore the ledger's word that nothing was sent is not believed; each operation is asked about once."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from given.ledger import TERMS, item

from ledger import restored
from ledger.accept import Answer, accept
from ledger.again import supersede
from ledger.audit import Order
from ledger.claim import claim
from ledger.lanes import lane_ids
from ledger.record import Heard
from ledger.restored import Restores
from ledger.session import Ledger
from operations.errors import NotAllowedError
from operations.operation import Purpose
from operations.outcome import Effect
from resilience.decide import Confirm, Park, Retry

WHO = Order("ada", "the disk is gone")
Row = Callable[[str, uuid.UUID], Any]


def restore(ledger: Ledger, *, to: datetime | None = None, settle: float = 0.0) -> Restores:
    with ledger.transaction() as connection:
        return restored.restored(connection, WHO, to=to, lease=0.0, settle=settle, anyway=True)


def test_what_waits_is_asked_about_before_it_is_sent_and_only_once(ledger: Ledger, write: Any) -> None:
    asked = item()
    accept(ledger, [asked])
    assert restore(ledger).left == 1
    held = claim(ledger, asked.ticket_id, TERMS, worker="w")
    assert held is not None
    assert (held.purpose, held.lease.standing.effect) == (Purpose.INQUIRE, Effect.UNKNOWN)
    write(held, Retry(0.0, "backoff", Effect.NONE, 0), Heard("absent", Effect.NONE))  # type: ignore[arg-type]
    again = claim(ledger, asked.ticket_id, TERMS, worker="w")
    assert again is not None
    assert again.purpose is Purpose.SEND
    with ledger.connection() as connection:
        assert restored.look(connection).left == 0


def test_its_time_being_up_does_not_say_that_nothing_happened(ledger: Ledger, row: Row) -> None:
    asked = item()
    (verdict,) = accept(ledger, [asked])
    moment = datetime.now(UTC) - timedelta(hours=1)
    restore(ledger, to=moment)
    (anew,) = accept(ledger, [item("order:2")])
    for one in (verdict, anew):  # also if the sweep judges it before anybody claims it
        assert row("state, effect, first_sent_at", one.operation_id) == ("waiting", "unknown", moment)


def test_what_is_accepted_anew_is_asked_about_until_it_is_trusted(ledger: Ledger, row: Row) -> None:
    accept(ledger, [item("order:0")])
    moment = datetime.now(UTC) - timedelta(hours=3)
    restore(ledger, to=moment)
    asked = item("order:2")
    (verdict,) = accept(ledger, [asked])
    held = claim(ledger, asked.ticket_id, TERMS, worker="w")
    assert held is not None
    assert held.purpose is Purpose.INQUIRE
    assert held.first_sent_at == moment  # the inquiry looks back so far
    assert held.effect_until is None  # nobody knows when it was sent
    until = row("send_until", verdict.operation_id)
    assert until < moment + timedelta(seconds=TERMS.assurance.kept_for)  # the key may be as old
    with ledger.transaction() as connection:
        assert restored.trust(connection, WHO).trusted
    fresh = item("order:3")
    accept(ledger, [fresh])
    sent = claim(ledger, fresh.ticket_id, TERMS, worker="w")
    assert sent is not None
    assert sent.purpose is Purpose.SEND
    with ledger.transaction() as connection, pytest.raises(NotAllowedError, match="trusted already"):
        restored.trust(connection, WHO)


def test_what_the_ledger_has_forgotten_may_have_been_sent_later_than_it_knows(
    ledger: Ledger, claimed: Any, write: Any, row: Row
) -> None:
    held = claimed()
    write(held, Confirm(0.0, Effect.UNKNOWN, 0), Heard("failed", Effect.UNKNOWN))
    known = row("settle_from", held.lease.operation_id)
    restore(ledger, to=datetime.now(UTC) - timedelta(hours=3), settle=60.0)
    asking = claim(ledger, held.ticket_id, TERMS, worker="w")
    assert asking is not None
    assert asking.effect_until > known


def test_no_generation_follows_a_dead_letter_of_before(ledger: Ledger, claimed: Any, write: Any, row: Row) -> None:
    held = claimed()
    write(held, Park("client", Effect.NONE), Heard("failed", Effect.NONE))
    restore(ledger)
    following = item(given={"amount": 1})
    with ledger.transaction() as connection:
        lane_id = lane_ids(ledger, [following.lane])[following.lane]
        verdict = supersede(
            ledger, connection, following, lane_id, after=held.lease.operation_id, generation=2, by="ada"
        )
    assert (verdict.answer, "restored" in verdict.why) == (Answer.CONFLICT, True)
    assert row("state", held.lease.operation_id) == "dead"


def test_a_second_restore_before_it_was_trusted_looks_back_to_the_earlier_moment(ledger: Ledger) -> None:
    accept(ledger, [item()])
    early, late = (datetime.now(UTC) - timedelta(hours=hours) for hours in (5, 2))
    restore(ledger, to=early)
    assert restore(ledger, to=late).to == early
    with ledger.transaction() as connection:
        restored.trust(connection, WHO)
    found = restore(ledger, to=late)
    assert (found.count, found.to) == (3, late)


def test_a_first_reading_of_absence_from_before_counts_no_more(ledger: Ledger, row: Row) -> None:
    (verdict,) = accept(ledger, [item()])
    with ledger.connection() as connection:
        connection.execute(
            "UPDATE lockgate.operations SET state = 'unconfirmed', absent_at = now(), effect = 'unknown'"
        )
    restore(ledger, settle=60.0)
    assert row("absent_at", verdict.operation_id) is None
    with ledger.connection() as connection:
        assert restored.look(connection).calm
