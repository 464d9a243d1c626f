"""Several claimed, and several outcomes written, in one round trip: each as if it were alone."""

import uuid

from given.ledger import PACE, TERMS, item

from ledger.accept import Acceptance, accept
from ledger.claim import Claimed, Wanted, claim_all
from ledger.record import Entry, Heard, record_all
from ledger.seal import SealError
from ledger.session import Ledger
from operations.outcome import Effect
from operations.states import State
from resilience.decide import Settle

DONE = Settle(State.SUCCEEDED, Effect.DONE, "ref")


def accepted(ledger: Ledger, *keys: str) -> list[Acceptance]:
    items = [item(key) for key in keys]
    accept(ledger, items)
    return items


def wanted(*items: Acceptance) -> list[Wanted]:
    return [Wanted(each.ticket_id, TERMS, -1, None, uuid.uuid4()) for each in items]


def entry(claimed: Claimed) -> Entry:
    heard = Heard("succeeded", Effect.DONE, reference="ref")
    return Entry(claimed.lease, DONE, heard, PACE, ticket_id=claimed.ticket_id)


def states(ledger: Ledger) -> list[str]:
    with ledger.connection() as connection:
        return [row[0] for row in connection.execute("SELECT state FROM lockgate.operations ORDER BY id").fetchall()]


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
    entries = [entry(each) for each in held if isinstance(each, Claimed)]
    with ledger.connection() as connection:
        connection.execute(
            "UPDATE lockgate.operations SET fence = fence + 1, state = 'discarded' WHERE id = %s",
            [entries[0].lease.operation_id],
        )
    assert record_all(ledger, entries)[1] is True
    assert sorted(states(ledger)) == ["discarded", "succeeded"]
    record_all(ledger, entries)  # a second time changes nothing
    assert sorted(states(ledger)) == ["discarded", "succeeded"]
    with ledger.connection() as connection:
        row = connection.execute("SELECT count(*) FROM lockgate.replies").fetchone()
    assert row == (2,)


def test_claims_made_together_share_one_transaction(ledger: Ledger) -> None:
    claim_all(ledger, wanted(*accepted(ledger, "order:1", "order:2", "order:3")), worker="w")
    with ledger.connection() as connection:
        assert connection.execute("SELECT count(DISTINCT xmin::text) FROM lockgate.attempts").fetchone() == (1,)
