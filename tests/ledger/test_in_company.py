"""Several claimed, and several outcomes written, in one statement: each as if it were alone."""

import json
import uuid
from dataclasses import replace

import pytest
from given.ledger import TERMS, item, success

from ledger.accept import Acceptance, accept
from ledger.claim import Claimed, Wanted, claim_all
from ledger.record import write
from ledger.seal import SealError
from ledger.session import Ledger
from ledger.successes import record_successes
from operations.outcome import Effect
from operations.states import State
from resilience.decide import Settle


def accepted(ledger: Ledger, *keys: str) -> list[Acceptance]:
    items = [item(key) for key in keys]
    accept(ledger, items)
    return items


def wanted(*items: Acceptance) -> list[Wanted]:
    return [Wanted(each.ticket_id, TERMS, -1, None, uuid.uuid4()) for each in items]


def states(ledger: Ledger) -> list[str]:
    with ledger.connection() as connection:
        return [row[0] for row in connection.execute("SELECT state FROM lockgate.operations ORDER BY id").fetchall()]


def alike(ledger: Ledger, table: str, *, leaving_out: list[str], only_whether: list[str]) -> set[str]:
    """The different rows of a table, as far as two of them may not differ."""
    with ledger.connection() as connection:
        rows = connection.execute(f"SELECT to_jsonb(t) FROM lockgate.{table} t").fetchall()
    return {
        json.dumps({name: (value is None if name in only_whether else value) for name, value in row[0].items()
                    if name not in leaving_out}, sort_keys=True)
        for row in rows
    }  # fmt: skip


def test_each_is_claimed_with_a_lease_of_its_own_in_the_order_asked(ledger: Ledger) -> None:
    asked = wanted(*reversed(accepted(ledger, "order:1", "order:2", "order:3")))
    found = claim_all(ledger, asked, worker="w")
    assert all(isinstance(each, Claimed) for each in found)
    assert [each.ticket_id for each in found if isinstance(each, Claimed)] == [each.ticket_id for each in asked]
    assert [each.lease.token for each in found if isinstance(each, Claimed)] == [each.token for each in asked]


def test_what_is_in_other_hands_is_left_there_and_the_others_are_claimed(ledger: Ledger) -> None:
    first, second = accepted(ledger, "order:1", "order:2")
    claim_all(ledger, wanted(first), worker="w1")
    found = claim_all(ledger, wanted(first, second), worker="w2")
    assert found[0] is None
    assert isinstance(found[1], Claimed)


def test_one_that_cannot_be_read_spoils_no_other(ledger: Ledger) -> None:
    first, second = accepted(ledger, "order:1", "order:2")
    with ledger.connection() as connection:
        connection.execute(
            "UPDATE lockgate.bodies SET sealed = '\\x00' WHERE operation_id = "
            "(SELECT operation_id FROM lockgate.tickets WHERE id = %s)",
            [first.ticket_id],
        )
    found = claim_all(ledger, wanted(first, second), worker="w")
    assert isinstance(found[0], SealError)
    assert isinstance(found[1], Claimed)


def test_outcomes_are_written_together_and_one_whose_lease_was_lost_moves_nothing(ledger: Ledger) -> None:
    held = [each for each in claim_all(ledger, wanted(*accepted(ledger, "order:1", "order:2")), worker="w") if each]
    entries = [success(each) for each in held if isinstance(each, Claimed)]
    with ledger.connection() as connection:
        connection.execute(
            "UPDATE lockgate.operations SET fence = fence + 1, state = 'discarded' WHERE id = %s",
            [entries[0].lease.operation_id],
        )
    assert record_successes(ledger, entries)[1] is True
    assert sorted(states(ledger)) == ["discarded", "succeeded"]
    record_successes(ledger, entries)  # a second time changes nothing
    assert sorted(states(ledger)) == ["discarded", "succeeded"]
    with ledger.connection() as connection:
        row = connection.execute("SELECT count(*) FROM lockgate.replies").fetchone()
    assert row == (2,)


def test_claims_made_together_share_one_transaction(ledger: Ledger) -> None:
    claim_all(ledger, wanted(*accepted(ledger, "order:1", "order:2", "order:3")), worker="w")
    with ledger.connection() as connection:
        assert connection.execute("SELECT count(DISTINCT xmin::text) FROM lockgate.attempts").fetchone() == (1,)


def test_what_is_written_together_is_what_would_be_written_alone(ledger: Ledger) -> None:
    held = claim_all(ledger, wanted(*accepted(ledger, "order:1", "order:2", "order:3")), worker="w")
    alone, *together = [success(each) for each in held if isinstance(each, Claimed)]
    assert write(ledger, alone)
    assert record_successes(ledger, together) == [True, True]
    own = "id lane_id business_key_id business_key idempotency_key ticket_id"
    times = "due_at decide_at deadline_at first_sent_at send_until settle_from accepted_at ended_at"
    assert len(alike(ledger, "operations", leaving_out=own.split(), only_whether=times.split())) == 1
    assert len(alike(ledger, "replies", leaving_out=["operation_id", "id"], only_whether=["heard_at", "sealed"])) == 1


def test_only_a_plain_success_is_written_together(ledger: Ledger) -> None:
    held = claim_all(ledger, wanted(*accepted(ledger, "order:1")), worker="w")[0]
    assert isinstance(held, Claimed)
    declined = replace(success(held), decision=Settle(State.DECLINED, Effect.NONE, code="card_declined"))
    with pytest.raises(ValueError, match="plain"):
        record_successes(ledger, [declined])


def test_another_ticket_of_the_same_operation_is_hinted_at_when_what_it_follows_has_ended(ledger: Ledger) -> None:
    first, other = accepted(ledger, "order:1", "order:2")
    with ledger.connection() as connection:
        connection.execute(
            "UPDATE lockgate.tickets SET operation_id = (SELECT operation_id FROM lockgate.tickets WHERE id = %s), "
            "follows = true WHERE id = %s",
            [first.ticket_id, other.ticket_id],
        )
    held = claim_all(ledger, wanted(first), worker="w")[0]
    assert isinstance(held, Claimed)
    record_successes(ledger, [success(held)])
    with ledger.connection() as connection:
        due = connection.execute("SELECT id FROM lockgate.tickets WHERE follow_at <= statement_timestamp()").fetchall()
    assert due == [(other.ticket_id,)]


def test_of_two_tickets_of_one_operation_one_claims_it(ledger: Ledger) -> None:
    first, other = accepted(ledger, "order:1", "order:2")
    with ledger.connection() as connection:
        connection.execute(
            "UPDATE lockgate.tickets SET operation_id = (SELECT operation_id FROM lockgate.tickets WHERE id = %s) "
            "WHERE id = %s",
            [first.ticket_id, other.ticket_id],
        )
    found = claim_all(ledger, wanted(first, other), worker="w")
    assert sorted(isinstance(each, Claimed) for each in found) == [False, True]
