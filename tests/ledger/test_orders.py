"""A person's orders in the ledger: the next epoch keeps the keys, asks where there is a doubt, and wakes what waits."""

import uuid
from collections.abc import Callable
from typing import Any

import psycopg
import pytest
from given.ledger import PACE, TERMS, item

from config.secret import Secret
from config.settings import Settings
from deadletter import resolve
from deadletter.requeue import requeue
from integrations.registry import Registry
from ledger import letters
from ledger.accept import accept
from ledger.audit import Order
from ledger.claim import Claimed, claim
from ledger.lanes import LaneKey
from ledger.record import Heard, Letter, record
from ledger.release import release
from ledger.session import Ledger
from operations.errors import NotAllowedError
from operations.operation import Purpose
from operations.outcome import Effect, ErrorClass
from operations.states import Reason, State
from resilience.decide import Park, Retry

LANE = LaneKey("stripe", "default", "stripe", "stripe.take_payment", 0, "tasks.payments.take_payment")
ORDER = Order("ann", "the provider was mended")
REFUSED = Heard("failed", Effect.NONE, ErrorClass.CLIENT, 400)
DOUBT = Heard("failed", Effect.UNKNOWN, ErrorClass.AMBIGUOUS, 500)
Row = Callable[..., Any]


@pytest.fixture
def registry() -> Registry:
    return Registry(Settings("postgresql://x", "redis://x", Secret("k")))


def held(ledger: Ledger, **more: Any) -> Claimed:
    asked = item(lane=LANE, **more)
    accept(ledger, [asked])
    found = claim(ledger, asked.ticket_id, TERMS, worker="w1")
    assert found is not None
    return found


def bury(ledger: Ledger, heard: Heard, park: Park, *, hold: float | None = None, **more: Any) -> tuple[int, Claimed]:
    """A dead letter, and the claim under which it died."""
    claimed = held(ledger, **more)
    filed = Letter("f", hold=hold)
    assert record(ledger, claimed.lease, park, heard=heard, pace=PACE, letter=filed, ticket_id=claimed.ticket_id)
    with ledger.connection() as connection:
        (letter,) = letters.of_operation(connection, claimed.lease.operation_id)
    return letter.id, claimed


def change(ledger: Ledger, claimed: Claimed, what: str) -> None:
    with ledger.connection() as connection:
        connection.execute(f"UPDATE lockgate.operations SET {what} WHERE id = %s", [claimed.lease.operation_id])


def status(ledger: Ledger, letter_id: int) -> tuple[str, str | None]:
    with ledger.connection() as connection:
        letter = letters.get(connection, letter_id)
    assert letter is not None
    return letter.status, letter.closed_by


def test_the_next_epoch_begins_anew_under_the_same_key(ledger: Ledger, registry: Registry, row: Row) -> None:
    letter, dead = bury(ledger, REFUSED, Park("client", Effect.NONE, ErrorClass.CLIENT))
    change(ledger, dead, "failures = 4, crashes = 2, deadline_at = '2020-01-01', expires_at = '2020-01-01'")
    assert requeue(ledger, registry, letter, ORDER) is State.WAITING
    assert row("epoch, failures, crashes, expires_at, ended_at", dead.lease.operation_id) == (2, 0, 0, None, None)
    again = claim(ledger, dead.ticket_id, TERMS, worker="w1")
    assert again is not None
    assert again.purpose is Purpose.SEND
    assert (again.idempotency_key, again.request) == (dead.idempotency_key, dead.request)
    assert status(ledger, letter) == ("requeued", "ann")


def test_a_doubt_is_asked_about_and_its_readings_begin_anew(ledger: Ledger, registry: Registry) -> None:
    letter, dead = bury(ledger, DOUBT, Park("frozen_key", Effect.UNKNOWN, ErrorClass.AMBIGUOUS))
    change(ledger, dead, "absent_at = clock_timestamp() - interval '1 hour'")
    assert requeue(ledger, registry, letter, ORDER) is State.UNCONFIRMED
    asking = claim(ledger, dead.ticket_id, TERMS, worker="w1")
    assert asking is not None
    assert (asking.purpose, asking.lease.standing.effect) == (Purpose.INQUIRE, Effect.UNKNOWN)
    assert asking.lease.standing.absent_for is None


def test_a_key_that_may_be_forgotten_is_asked_about_then_sent_in_a_new_retention(
    ledger: Ledger, registry: Registry
) -> None:
    letter, dead = bury(ledger, REFUSED, Park("client", Effect.NONE, ErrorClass.CLIENT))
    change(ledger, dead, "send_until = clock_timestamp() - interval '1 hour'")
    assert requeue(ledger, registry, letter, ORDER) is State.UNCONFIRMED
    asking = claim(ledger, dead.ticket_id, TERMS, worker="w1")
    assert asking is not None
    assert asking.purpose is Purpose.INQUIRE
    absent = Retry(0.0, Reason.BACKOFF, Effect.NONE, 1)
    record(ledger, asking.lease, absent, heard=Heard("absent", Effect.NONE), pace=PACE, ticket_id=dead.ticket_id)
    sending = claim(ledger, dead.ticket_id, TERMS, worker="w1")
    assert sending is not None
    assert sending.purpose is Purpose.SEND
    assert sending.key_closes is not None
    assert sending.key_closes > sending.lease_ends


def die(ledger: Ledger, ticket_id: str, *, heard: Heard = REFUSED) -> tuple[Claimed, int]:
    """The next claim of a ticket, and the dead letter that came of it."""
    again = claim(ledger, ticket_id, TERMS, worker="w1")
    assert again is not None
    assert again.purpose is Purpose.SEND
    park = Park("client", Effect.NONE, ErrorClass.CLIENT)
    assert record(ledger, again.lease, park, heard=heard, pace=PACE, letter=Letter("f"), ticket_id=ticket_id)
    with ledger.connection() as connection:
        return again, max(one.id for one in letters.of_operation(connection, again.lease.operation_id))


FORGOTTEN = "send_until = clock_timestamp() - interval '1 hour'"


def test_what_had_no_effect_is_looked_for_around_the_sends_of_its_keys_last_retention(
    ledger: Ledger, registry: Registry, row: Row
) -> None:
    letter, dead = bury(ledger, REFUSED, Park("client", Effect.NONE, ErrorClass.CLIENT))
    requeue(ledger, registry, letter, ORDER)
    again, letter = die(ledger, dead.ticket_id)
    assert again.first_sent_at == dead.first_sent_at  # nobody has asked about the first
    change(ledger, dead, FORGOTTEN)
    requeue(ledger, registry, letter, ORDER)
    asking = claim(ledger, dead.ticket_id, TERMS, worker="w1")
    assert asking is not None
    assert (asking.purpose, asking.first_sent_at) == (Purpose.INQUIRE, dead.first_sent_at)
    assert asking.effect_until == row("settle_from", dead.lease.operation_id)
    assert asking.effect_until > again.first_sent_at
    absent = Retry(0.0, Reason.BACKOFF, Effect.NONE, 1)
    record(ledger, asking.lease, absent, heard=Heard("absent", Effect.NONE), pace=PACE, ticket_id=dead.ticket_id)
    third, _ = die(ledger, dead.ticket_id)
    assert third.first_sent_at > asking.effect_until  # of these it is known that nothing came


def test_a_send_that_was_handed_back_is_looked_for_in_no_time_that_ends_before_it_begins(
    ledger: Ledger, registry: Registry
) -> None:
    letter, dead = bury(ledger, REFUSED, Park("client", Effect.NONE, ErrorClass.CLIENT))
    change(
        ledger,
        dead,
        f"{FORGOTTEN}, first_sent_at = clock_timestamp() - interval '9 hours', settle_from = first_sent_at",
    )
    requeue(ledger, registry, letter, ORDER)
    change(ledger, dead, "state = 'waiting'")  # it was asked about
    handed_back = claim(ledger, dead.ticket_id, TERMS, worker="w1", token=uuid.uuid4())
    assert handed_back is not None
    assert handed_back.lease.token is not None
    release(ledger, handed_back.lease.token, "not_called")
    change(ledger, dead, f"{FORGOTTEN}, state = 'unconfirmed', due_at = clock_timestamp()")
    asking = claim(ledger, dead.ticket_id, TERMS, worker="w1")
    assert asking is not None
    assert asking.effect_until == asking.first_sent_at == handed_back.first_sent_at


def test_a_doubt_is_looked_for_from_its_first_send_on(ledger: Ledger, registry: Registry, row: Row) -> None:
    letter, dead = bury(ledger, DOUBT, Park("frozen_key", Effect.UNKNOWN, ErrorClass.AMBIGUOUS))
    before = row("first_sent_at, settle_from", dead.lease.operation_id)
    requeue(ledger, registry, letter, ORDER)
    asking = claim(ledger, dead.ticket_id, TERMS, worker="w1")
    assert asking is not None
    assert (asking.first_sent_at, asking.effect_until) == before


def test_what_was_never_sent_is_not_asked_about(ledger: Ledger, registry: Registry) -> None:
    letter, dead = bury(ledger, REFUSED, Park("deadline", Effect.NONE))
    change(ledger, dead, "first_sent_at = NULL, send_until = clock_timestamp() - interval '1 hour'")
    assert requeue(ledger, registry, letter, ORDER) is State.WAITING


def test_what_is_done_is_never_requeued(ledger: Ledger, registry: Registry) -> None:
    letter, dead = bury(ledger, REFUSED, Park("client", Effect.NONE, ErrorClass.CLIENT))
    change(ledger, dead, "effect = 'done', reference = 'pi_1'")
    with pytest.raises(NotAllowedError, match="resolve dl_1 --as succeeded --reference pi_1"):
        requeue(ledger, registry, letter, ORDER)
    for refuse in (
        lambda: resolve.declined(ledger, letter, ORDER, code=None),
        lambda: resolve.nothing_happened(ledger, letter, ORDER),
    ):
        with pytest.raises(NotAllowedError, match="is done at the provider"):
            refuse()
    resolve.succeeded(ledger, letter, ORDER, reference=None)
    assert status(ledger, letter) == ("resolved", "ann")


def test_an_operation_that_left_death_by_itself_cannot_be_requeued(ledger: Ledger, registry: Registry) -> None:
    letter, dead = bury(ledger, DOUBT, Park("ambiguous", Effect.UNKNOWN, ErrorClass.AMBIGUOUS))
    late = Heard("succeeded", Effect.DONE, reference="pi_1")
    record(ledger, dead.lease, Retry(0.0, Reason.BACKOFF, Effect.UNKNOWN, 1), heard=late, pace=PACE)
    with pytest.raises(NotAllowedError, match=r"dl_1 was closed by late evidence .* is succeeded now"):
        requeue(ledger, registry, letter, ORDER)


def test_whoever_comes_second_is_told_that_another_is_at_it(ledger: Ledger, registry: Registry) -> None:
    letter, _ = bury(ledger, REFUSED, Park("client", Effect.NONE, ErrorClass.CLIENT))
    with ledger.transaction() as first:
        assert letters.lock(first, letter) is not None
        with pytest.raises(psycopg.errors.LockNotAvailable):
            requeue(ledger, registry, letter, ORDER)


@pytest.fixture
def tickets(ledger: Ledger) -> Callable[[uuid.UUID], dict[str, tuple[bool, bool]]]:
    """Of each ticket: whether what follows is due, and whether it was sent."""

    def read(operation_id: uuid.UUID) -> dict[str, tuple[bool, bool]]:
        with ledger.connection() as connection:
            rows = connection.execute(
                "SELECT id, follow_at <= clock_timestamp(), finalised_at IS NOT NULL FROM lockgate.tickets "
                "WHERE operation_id = %s",
                [operation_id],
            ).fetchall()
        return {name: (due, sent) for name, due, sent in rows}

    return read


@pytest.mark.parametrize("end", ["succeeded", "declined", "discarded"])
def test_what_waited_for_a_person_goes_on_at_once(ledger: Ledger, tickets: Any, end: str) -> None:
    park = Park("frozen_key", Effect.UNKNOWN, ErrorClass.AMBIGUOUS)
    letter, dead = bury(ledger, DOUBT, park, hold=3600.0, follows=True)
    assert tickets(dead.lease.operation_id) == {dead.ticket_id: (False, False)}
    match end:
        case "succeeded":
            resolve.succeeded(ledger, letter, ORDER, reference="pi_1")
        case "declined":
            resolve.declined(ledger, letter, ORDER, code="no")
        case _:
            resolve.discard(ledger, letter, ORDER)
    assert tickets(dead.lease.operation_id) == {dead.ticket_id: (True, False)}


def test_a_proof_that_nothing_happened_leaves_what_waits_waiting(ledger: Ledger, tickets: Any, row: Row) -> None:
    park = Park("frozen_key", Effect.UNKNOWN, ErrorClass.AMBIGUOUS)
    letter, dead = bury(ledger, DOUBT, park, hold=3600.0, follows=True)
    resolve.nothing_happened(ledger, letter, ORDER)
    assert row("state, effect", dead.lease.operation_id) == ("dead", "none")
    assert status(ledger, letter) == ("open", None)
    assert tickets(dead.lease.operation_id) == {dead.ticket_id: (False, False)}


def test_what_followed_a_failure_is_followed_anew_after_a_requeue(
    ledger: Ledger, registry: Registry, tickets: Any
) -> None:
    letter, dead = bury(ledger, REFUSED, Park("client", Effect.NONE, ErrorClass.CLIENT), follows=True)
    with ledger.connection() as connection:
        connection.execute("UPDATE lockgate.tickets SET finalised_at = clock_timestamp()")
    requeue(ledger, registry, letter, ORDER)
    assert tickets(dead.lease.operation_id) == {dead.ticket_id: (False, False)}


def test_late_evidence_wakes_what_waits_for_the_end(ledger: Ledger, tickets: Any) -> None:
    lost = held(ledger, follows=True)
    change(ledger, lost, "state = 'waiting', lease_token = NULL, effect = 'unknown'")
    late = Heard("succeeded", Effect.DONE, reference="pi_1")
    record(ledger, lost.lease, Retry(0.0, Reason.BACKOFF, Effect.UNKNOWN, 1), heard=late, pace=PACE)
    assert tickets(lost.lease.operation_id) == {lost.ticket_id: (True, False)}
