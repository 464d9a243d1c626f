"""Steps of an operation's life, to try the ledger with."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest
from given.ledger import PACE, TERMS, item

from ledger.accept import Verdict, accept
from ledger.claim import Claimed, Terms, claim
from ledger.record import Heard, Letter, record
from ledger.session import Ledger
from resilience.decide import Decision


@pytest.fixture
def take(ledger: Ledger) -> Callable[..., Verdict]:
    return lambda *args, **changes: accept(ledger, [item(*args, **changes)])[0]


@pytest.fixture
def claimed(ledger: Ledger) -> Callable[..., Claimed]:
    def make(*args: Any, terms: Terms = TERMS, **changes: Any) -> Claimed:
        asked = item(*args, **changes)
        accept(ledger, [asked])
        found = claim(ledger, asked.ticket_id, terms, worker="w1")
        assert found is not None
        return found

    return make


@pytest.fixture
def write(ledger: Ledger) -> Callable[..., bool]:
    def make(held: Claimed, decision: Decision, heard: Heard | None, **more: Any) -> bool:
        return record(
            ledger, held.lease, decision, heard=heard, pace=PACE, letter=Letter("f"), ticket_id=held.ticket_id, **more
        )

    return make


@pytest.fixture
def row(ledger: Ledger) -> Callable[..., Any]:
    def read(what: str, operation_id: uuid.UUID) -> Any:
        with ledger.connection() as connection:
            found = connection.execute(
                f"SELECT {what} FROM lockgate.operations WHERE id = %s",
                [operation_id],
            ).fetchone()
        assert found is not None
        return found[0] if len(found) == 1 else found

    return read
