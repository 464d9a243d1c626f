"""Accepting while something else is done: the commit does not wait for it, and what goes wrong is told as ever."""

import os
import time
import uuid
from collections.abc import Callable
from dataclasses import replace

import psycopg
import pytest
from given.ledger import item

from ledger.accept import Acceptance, Answer, accept
from ledger.session import Ledger
from operations.errors import AcceptBusy
from tasks.accepting import accepted

PATIENCE = 10.0  # seconds


def nothing() -> None:
    """Done at once."""


def stored(ledger: Ledger, asked: Acceptance) -> bool:
    with ledger.connection() as connection:
        found = connection.execute("SELECT FROM lockgate.operations WHERE id = %s", [asked.operation_id])
        return found.fetchone() is not None


def eventually(happened: Callable[[], bool]) -> bool:
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if happened():
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("size", [0, 8 << 20], ids=["small", "more than the system takes at once"])
def test_it_is_committed_however_long_the_other_thing_takes(ledger: Ledger, size: int) -> None:
    arguments = {"note": os.urandom(size).hex()}
    asked, seen = [item("order:1", arguments=arguments), item("order:2", arguments=arguments)], []
    verdicts = accept(
        ledger, asked, meanwhile=lambda: seen.append(eventually(lambda: all(stored(ledger, one) for one in asked)))
    )
    assert seen == [True]
    assert [verdict.answer for verdict in verdicts] == [Answer.ACCEPTED, Answer.ACCEPTED]


def test_a_ticket_that_is_known_keeps_nobody_out(ledger: Ledger) -> None:
    known, fresh = item("order:1"), item("order:2")
    accept(ledger, [known])
    again = replace(known, operation_id=uuid.uuid4())
    verdicts = accept(ledger, [again, fresh], meanwhile=nothing)
    assert [verdict.answer for verdict in verdicts] == [Answer.EXISTING, Answer.ACCEPTED]
    assert stored(ledger, fresh)


def test_a_key_in_other_hands_is_busy_and_nothing_is_stored(ledger: Ledger) -> None:
    other = item("order:2")
    accept(ledger, [item("order:0")])
    with ledger.transaction() as holder:
        accept(ledger, [item("order:1")], holder)
        with pytest.raises(AcceptBusy):
            accept(ledger, [item("order:1"), other], meanwhile=nothing)
    assert not stored(ledger, other)
    assert accept(ledger, [other], meanwhile=nothing)[0].answer is Answer.ACCEPTED


def test_what_goes_wrong_in_the_other_thing_is_told_and_the_connection_is_in_order(ledger: Ledger) -> None:
    asked = [item("order:1"), item("order:2")]
    with pytest.raises(ZeroDivisionError):
        accept(ledger, asked, meanwhile=lambda: 1 / 0)
    again = [replace(one, operation_id=uuid.uuid4()) for one in asked]
    assert [verdict.answer for verdict in accept(ledger, again)] == [Answer.EXISTING, Answer.EXISTING]


def test_whoever_is_interrupted_as_it_begins_leaves_no_connection_on_which_nothing_is_committed(
    ledger: Ledger, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the driver's pipeline a statement returns before it is committed: nobody may be lent one that was left in it."""

    def interrupted(pipeline: psycopg.Pipeline) -> None:
        entering(pipeline)
        raise KeyboardInterrupt

    entering, asked = psycopg.Pipeline.__enter__, item("order:1")
    accept(ledger, [asked])
    with monkeypatch.context() as patched:
        patched.setattr(psycopg.Pipeline, "__enter__", interrupted)
        with pytest.raises(KeyboardInterrupt):
            accept(ledger, [item("order:2")], meanwhile=nothing)
    with ledger.connection() as connection:
        connection.execute("DELETE FROM lockgate.operations WHERE id = %s", [asked.operation_id])
    assert not stored(ledger, asked)


def test_a_connection_that_is_lost_with_the_answer_is_asked_again(ledger: Ledger) -> None:
    asked, times = [item("order:1"), item("order:2")], []

    def lose_it() -> None:
        times.append(1)
        assert eventually(lambda: stored(ledger, asked[0]))
        with ledger.connection() as other:
            other.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'lockgate' "
                "AND datname = current_database() AND pid <> pg_backend_pid()"
            )

    verdicts = accepted(ledger, asked, meanwhile=lambda: None if times else lose_it())
    assert {verdict.operation_id for verdict in verdicts} == {one.operation_id for one in asked}
    assert all(stored(ledger, one) for one in asked)
