"""PostgreSQL keeps a statement's plan: one that was made while the ledger was tiny must serve when it is not."""

import uuid
from collections.abc import Callable
from typing import Any

from given.ledger import PACE, TERMS, item, success

from ledger import follow
from ledger.accept import accept
from ledger.claim import _CLAIM, Claimed, Wanted, _values
from ledger.record import record
from ledger.session import Connection, Ledger
from ledger.successes import _SUCCEEDED, record_successes
from ledger.successes import _values as _succeeded
from operations.outcome import Effect
from operations.states import State
from resilience.decide import Settle

_MANY = 20_000
_UNTIL_KEPT = 8  # PostgreSQL plans a statement anew five times before it may keep a plan
DONE = Settle(State.SUCCEEDED, Effect.DONE, "r")


def claim_values(ticket_id: str) -> dict[str, Any]:
    return _values([Wanted(ticket_id, TERMS, 0, None, uuid.uuid4())], "w")


def rows_read(connection: Connection) -> int:
    """Rows of the ledger that this connection has read of late, with an index or without."""
    found = connection.execute(
        "SELECT sum(seq_tup_read + coalesce(idx_tup_fetch, 0)) FROM pg_stat_xact_user_tables WHERE schemaname = 'lockgate'"
    ).fetchone()
    assert found is not None
    return int(found[0])


def lives(ledger: Ledger, claimed: Callable[..., Claimed], key: str) -> None:
    """A whole life, a repetition and a look: every statement of the hot path."""
    held = claimed(key)
    accept(ledger, [item(key)])
    record(ledger, held.lease, DONE, heard=None, pace=PACE)
    follow.ended(ledger, held.ticket_id)
    record_successes(ledger, [success(claimed(f"{key}:plain"))])


def test_plans_of_a_tiny_ledger_read_few_rows_when_it_has_grown(
    ledger: Ledger, claimed: Callable[..., Claimed]
) -> None:
    lives(ledger, claimed, "order:first")
    # From now on the statistics say: a handful of rows, cheapest read as a whole.
    with ledger.connection() as connection:
        connection.execute("ANALYZE")
    for number in range(_UNTIL_KEPT):
        lives(ledger, claimed, f"order:early:{number}")
    held, plain = claimed("order:held"), claimed("order:plain")
    for start in range(0, _MANY, 1000):
        accept(ledger, [item(f"order:{start + number}") for number in range(1000)])
    late = item("order:late")
    with ledger.transaction() as connection:
        before = rows_read(connection)
        accept(ledger, [late], connection)
        accept(ledger, [item("order:late")], connection)
        assert connection.execute(_CLAIM, claim_values(late.ticket_id)).fetchone() is not None
        record(ledger, held.lease, DONE, heard=None, pace=PACE, connection=connection)
        assert connection.execute(_SUCCEEDED, _succeeded(ledger, [success(plain)])).fetchone() is not None
        assert connection.execute(follow._ENDED_ONE, [late.ticket_id]).fetchone() is not None
        assert rows_read(connection) - before < 100
