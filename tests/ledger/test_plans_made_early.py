"""A statement has one plan: one that was made while the ledger was tiny must serve when it is not."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from given.ledger import PACE, TERMS, item, success

from ledger import follow
from ledger.accept import accept
from ledger.claim import _CLAIM, Claimed, Wanted, _values, claim
from ledger.record import record
from ledger.session import Connection, Ledger
from ledger.successes import _SUCCEEDED, record_successes
from ledger.successes import _values as _succeeded
from operations.outcome import Effect
from operations.states import State
from resilience.decide import Settle

_MANY = 20_000
_EARLY = 8
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
    for number in range(_EARLY):
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
        assert connection.execute(follow._ENDED, [[late.ticket_id]]).fetchone() is not None
        assert rows_read(connection) - before < 100


@pytest.mark.parametrize("anew", [False, True])
def test_a_statement_has_one_plan_unless_people_list_by_whatever_they_like(
    database_url: str, data_key: str, *, anew: bool
) -> None:
    ledger = Ledger(database_url, data_key)
    if anew:
        ledger.plan_anew()
    asked = item()
    accept(ledger, [asked])
    assert claim(ledger, asked.ticket_id, TERMS, worker="w") is not None
    with ledger.connection() as connection:
        plans = connection.execute(
            "SELECT generic_plans, custom_plans FROM pg_prepared_statements WHERE statement LIKE '%lease_token = n.claim%'"
        ).fetchone()
    ledger.close()
    assert plans == ((0, 1) if anew else (1, 0))
