"""The heart: a claim is a lease with intent, a record is fenced, and evidence is never thrown away."""

import uuid
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from given.ledger import TERMS, item

from ledger.accept import Verdict, accept
from ledger.claim import Claimed, Terms, claim
from ledger.history import sending
from ledger.record import Heard
from ledger.release import lapse, release, renew
from ledger.session import Ledger
from operations.means import Assurance, Means
from operations.operation import Purpose
from operations.outcome import Effect, ErrorClass
from operations.states import Reason, State
from resilience.decide import Await, Confirm, Park, Retry, Settle

Claim = Callable[..., Claimed]
Write = Callable[..., bool]
Row = Callable[..., Any]
SUCCESS = Settle(State.SUCCEEDED, Effect.DONE, "pi_1")
HEARD = Heard("succeeded", Effect.DONE, reference="pi_1", sealed={"result": {"status": "ok"}})
DOUBT = Heard("failed", Effect.UNKNOWN, ErrorClass.AMBIGUOUS, code="read_timeout")
AGAIN = Retry(0.0, Reason.BACKOFF, Effect.UNKNOWN, 1)


def count(ledger: Ledger, table: str) -> int:
    with ledger.connection() as connection:
        row = connection.execute(f"SELECT count(*) FROM lockgate.{table}").fetchone()
    assert row is not None
    return int(row[0])


def test_a_claim_opens_what_was_accepted_and_writes_the_intent(ledger: Ledger, claimed: Claim, row: Row) -> None:
    held = claimed(message={"chain": ["next"]}, follows=True)
    assert held.purpose is Purpose.SEND
    assert held.arguments == {"amount": 4200}
    assert held.request is not None
    assert held.request.body == b"amount=4200"
    assert held.message == {"chain": ["next"]}
    assert row("state", held.lease.operation_id) == "calling"
    assert count(ledger, "attempts") == 1


@pytest.mark.parametrize("late", [False, True])
def test_an_answer_is_kept_whatever_bytes_it_is_made_of(
    ledger: Ledger, claimed: Claim, write: Write, row: Row, *, late: bool
) -> None:
    held = claimed()
    if late:
        with ledger.connection() as connection:
            connection.execute(
                "UPDATE lockgate.operations SET state = 'unconfirmed', fence = fence + 1, lease_token = NULL"
            )
    odd = Heard(
        "succeeded", Effect.DONE, code="tls\0alert", message="BadStatusLine \x15\x03\0\ud800", reference="pi_\0\ud800"
    )
    assert write(held, replace(SUCCESS, reference=odd.reference), odd)
    assert row("state, reference", held.lease.operation_id) == ("succeeded", "pi_\ufffd?")
    with ledger.connection() as connection:
        kept = connection.execute("SELECT code, message, reference FROM lockgate.replies").fetchone()
    assert kept == ("tls\ufffdalert", "BadStatusLine \x15\x03\ufffd?", "pi_\ufffd?")


def test_only_one_of_two_claims_gets_it(ledger: Ledger, claimed: Claim) -> None:
    held = claimed()
    assert claim(ledger, held.ticket_id, TERMS, worker="w2") is None


@pytest.mark.parametrize(
    "spoilt",
    [
        "due_at = clock_timestamp() + interval '1 minute'",
        "revoked_at = clock_timestamp()",
        "expires_at = clock_timestamp() - interval '1 second'",
        "deadline_at = clock_timestamp() + interval '29 seconds'",
        "state = 'succeeded'",
        "reason = 'exhausted'",
    ],
)
def test_what_is_not_due_revoked_or_out_of_time_is_not_claimed(ledger: Ledger, spoilt: str) -> None:
    asked = item()
    accept(ledger, [asked])
    with ledger.connection() as connection:
        connection.execute(f"UPDATE lockgate.operations SET {spoilt}")
    assert claim(ledger, asked.ticket_id, TERMS, worker="w1") is None
    assert count(ledger, "attempts") == 0


@pytest.mark.parametrize(("tenant", "kind"), [(None, None), ("default", None), ("default", "acme.make")])
def test_paused_work_is_not_claimed_until_the_pause_is_lifted(
    ledger: Ledger, tenant: str | None, kind: str | None
) -> None:
    asked = item()
    accept(ledger, [asked])
    with ledger.connection() as connection:
        connection.execute(
            'INSERT INTO lockgate.pauses (provider, tenant, kind, cause, "by", because) VALUES (%s, %s, %s, %s, %s, %s)',
            ["acme", tenant, kind, "person", "ada", "maintenance"],
        )
        assert claim(ledger, asked.ticket_id, TERMS, worker="w1") is None
        connection.execute("UPDATE lockgate.pauses SET lifted_at = clock_timestamp()")
    assert claim(ledger, asked.ticket_id, TERMS, worker="w1") is not None


@pytest.mark.parametrize(
    ("means", "sent"), [(Means.KEY, True), (Means.UNIQUE, True), (Means.QUERY, False), (Means.NOTHING, False)]
)
def test_after_a_failover_only_what_the_provider_deduplicates_is_sent(ledger: Ledger, means: Means, sent: bool) -> None:  # noqa: FBT001
    asked = item()
    accept(ledger, [asked])
    with ledger.connection() as connection:
        connection.execute("UPDATE lockgate.ledger SET calm_until = clock_timestamp() + interval '1 minute'")
    terms = replace(TERMS, assurance=Assurance(means, kept_for=3600.0, settle=2.0))
    assert (claim(ledger, asked.ticket_id, terms, worker="w1") is not None) is sent


def test_a_record_settles_and_a_second_one_changes_nothing(
    ledger: Ledger, claimed: Claim, write: Write, row: Row
) -> None:
    held = claimed()
    assert write(held, SUCCESS, HEARD)
    assert row("state, effect, reference", held.lease.operation_id) == ("succeeded", "done", "pi_1")
    assert write(held, SUCCESS, HEARD)
    assert count(ledger, "replies") == 1


def test_a_doubt_under_a_key_is_sent_again_with_the_same_bytes(ledger: Ledger, claimed: Claim, write: Write) -> None:
    held = claimed()
    write(held, AGAIN, DOUBT)
    again = claim(ledger, held.ticket_id, TERMS, worker="w2")
    assert again is not None
    assert (again.purpose, again.request, again.idempotency_key) == (Purpose.SEND, held.request, held.idempotency_key)
    assert (again.lease.standing.effect, again.lease.standing.failures, again.lease.fence) == (Effect.UNKNOWN, 1, 2)


def test_a_doubt_whose_key_the_provider_may_have_forgotten_becomes_a_question(
    ledger: Ledger, claimed: Claim, write: Write
) -> None:
    brief = Terms(Assurance(Means.KEY, kept_for=30.0, settle=2.0), lease=60.0, total=30.0)
    held = claimed(terms=brief)
    write(held, AGAIN, DOUBT)
    again = claim(ledger, held.ticket_id, brief, worker="w2")
    assert again is not None
    assert again.purpose is Purpose.INQUIRE


def test_a_tentative_failure_counts_only_under_the_same_trip_of_the_breaker(
    ledger: Ledger, claimed: Claim, write: Write
) -> None:
    tentative = Retry(0.0, Reason.BACKOFF, Effect.NONE, 1, tentative=True)
    refused = Heard("failed", Effect.NONE, ErrorClass.TRANSIENT, code="connect_refused")
    for trip_now, failures in ((7, 1), (8, 0)):
        held = claimed(f"order:{trip_now}")
        write(held, tentative, refused, trip=7)
        again = claim(ledger, held.ticket_id, TERMS, worker="w2", trip=trip_now)
        assert again is not None
        assert again.lease.standing.failures == failures


def test_a_parked_operation_and_its_dead_letter_come_in_one_transaction(
    ledger: Ledger, claimed: Claim, write: Write, row: Row
) -> None:
    held = claimed()
    write(held, Park("client", Effect.NONE, ErrorClass.CLIENT), Heard("failed", Effect.NONE, ErrorClass.CLIENT, 400))
    assert row("state, reason, effect", held.lease.operation_id) == ("dead", "client", "none")
    with ledger.connection() as connection:
        letter = connection.execute(
            "SELECT operation_id, epoch, reason, effect, status FROM lockgate.dead_letters"
        ).fetchall()
    assert letter == [(held.lease.operation_id, 1, "client", "none", "open")]


def test_an_accepted_operation_awaits_its_answer_longer_than_its_deadline(
    claimed: Claim, write: Write, row: Row
) -> None:
    held = claimed(give_up_after=60.0)
    write(held, Await(300.0, "pi_1"), Heard("accepted", Effect.UNKNOWN, reference="pi_1"))
    state, longer = row("state, deadline_at > clock_timestamp() + interval '13 days'", held.lease.operation_id)
    assert (state, longer) == ("awaiting", True)


def lose(ledger: Ledger, held: Claimed, write: Write) -> None:
    """The lease lapses, and the sweep takes the operation back: unknown, to be confirmed."""
    lapse(ledger, "w1")
    write(held, Confirm(0.0, Effect.UNKNOWN, 0), Heard("failed", Effect.UNKNOWN, code="worker_lost", crashes=1))


def test_a_late_reply_is_kept_and_a_late_proof_settles(ledger: Ledger, claimed: Claim, write: Write, row: Row) -> None:
    held = claimed()
    lose(ledger, held, write)
    assert row("state, crashes", held.lease.operation_id) == ("unconfirmed", 1)
    assert write(held, SUCCESS, HEARD)
    assert row("state, effect, reference", held.lease.operation_id) == ("succeeded", "done", "pi_1")
    assert count(ledger, "replies") == 2


def test_a_late_refusal_is_kept_and_does_not_move_the_state(
    ledger: Ledger, claimed: Claim, write: Write, row: Row
) -> None:
    held = claimed()
    lose(ledger, held, write)
    refused = Heard("failed", Effect.NONE, ErrorClass.RATE_LIMITED, 429)
    assert not write(held, Retry(1.0, Reason.RATE, Effect.NONE, 0), refused)
    assert row("state, effect", held.lease.operation_id) == ("unconfirmed", "unknown")
    assert count(ledger, "replies") == 2


def test_a_late_proof_closes_the_dead_letter_with_an_audit_row(
    ledger: Ledger, claimed: Claim, write: Write, row: Row
) -> None:
    held = claimed()
    lapse(ledger, "w1")
    write(held, Park("ambiguous", Effect.UNKNOWN), Heard("failed", Effect.UNKNOWN, code="worker_lost"))
    assert write(held, SUCCESS, HEARD)
    assert row("state, effect", held.lease.operation_id) == ("succeeded", "done")
    with ledger.connection() as connection:
        assert connection.execute("SELECT status, closed_by FROM lockgate.dead_letters").fetchall() == [
            ("closed", "late evidence")
        ]
        assert connection.execute("SELECT actor, action FROM lockgate.audit").fetchall() == [("lockgate", "settle")]


def test_a_late_proof_while_another_calls_is_not_lost_whatever_that_call_says(
    ledger: Ledger, claimed: Claim, write: Write, row: Row
) -> None:
    zombie = claimed()
    lose(ledger, zombie, write)
    other = claim(ledger, zombie.ticket_id, TERMS, worker="w2")
    assert other is not None
    assert not write(zombie, SUCCESS, HEARD)
    assert row("state, effect", zombie.lease.operation_id) == ("calling", "done")
    write(other, Confirm(2.0, Effect.UNKNOWN, 0, absent=True), Heard("absent", Effect.NONE))
    assert row("state, reference", zombie.lease.operation_id) == ("succeeded", "pi_1")


def test_the_fence_keeps_a_zombie_from_moving_a_later_attempt(
    ledger: Ledger, claimed: Claim, write: Write, row: Row
) -> None:
    zombie = claimed()
    lapse(ledger, "w1")
    write(zombie, AGAIN, Heard("failed", Effect.UNKNOWN, code="worker_lost"))
    other = claim(ledger, zombie.ticket_id, TERMS, worker="w2")
    assert other is not None
    assert not write(zombie, Park("client", Effect.NONE), Heard("failed", Effect.NONE, ErrorClass.CLIENT, 400))
    assert row("state, fence, worker", zombie.lease.operation_id) == ("calling", 2, "w2")


def test_an_absence_is_remembered_and_a_send_starts_the_settle_time(
    ledger: Ledger, claimed: Claim, write: Write, row: Row
) -> None:
    held = claimed()
    write(held, Confirm(0.0, Effect.UNKNOWN, 0), DOUBT)
    asking = claim(ledger, held.ticket_id, TERMS, worker="w1")
    assert asking is not None
    assert 0 < asking.lease.standing.settle_left <= 2.0
    assert asking.lease.standing.absent_for is None
    assert held.effect_until is None
    assert asking.effect_until == row("settle_from", held.lease.operation_id)  # what comes later is nothing of ours
    with ledger.connection() as connection:
        looked = sending(ledger, connection, held.lease.operation_id)
    assert looked is not None
    assert looked.effect_until == asking.effect_until  # a person's look ends there as well
    write(asking, Confirm(0.0, Effect.UNKNOWN, 0, absent=True), Heard("absent", Effect.NONE))
    second = claim(ledger, held.ticket_id, TERMS, worker="w1")
    assert second is not None
    assert second.lease.standing.absent_for is not None
    write(second, Retry(0.0, Reason.BACKOFF, Effect.NONE, 1), Heard("absent", Effect.NONE))
    assert row("absent_at, inquiries", held.lease.operation_id) == (None, 2)


def test_a_claim_whose_answer_was_lost_is_handed_back_and_was_never_sent(
    ledger: Ledger, claimed: Claim, row: Row
) -> None:
    held = claimed()
    assert held.lease.token is not None
    assert release(ledger, held.lease.token, "claim_lost")
    assert row("state, effect", held.lease.operation_id) == ("waiting", "none")
    assert not release(ledger, held.lease.token, "claim_lost")
    assert not release(ledger, uuid.uuid4(), "claim_lost")


def test_another_account_is_visible_in_the_claim(ledger: Ledger, write: Write) -> None:
    asked = item("order:5")
    accept(ledger, [asked])
    first = claim(ledger, asked.ticket_id, TERMS, worker="w1", account="acct_1")
    assert first is not None
    write(first, AGAIN, DOUBT)
    second = claim(ledger, asked.ticket_id, TERMS, worker="w1", account="acct_2")
    assert second is not None
    assert second.account == "acct_1"


def test_what_follows_is_woken_when_it_ends_at_once_for_other_tickets(
    ledger: Ledger, claimed: Claim, write: Write, take: Callable[..., Verdict]
) -> None:
    held = claimed(follows=True)
    take(ticket_id="second", follows=True)
    write(held, SUCCESS, HEARD)
    with ledger.connection() as connection:
        due = dict(connection.execute("SELECT id, follow_at <= clock_timestamp() FROM lockgate.tickets").fetchall())
    assert due == {held.ticket_id: False, "second": True}


def test_an_inquiry_that_proves_nothing_gives_an_operation_no_more_time(
    ledger: Ledger, claimed: Claim, write: Write, row: Row
) -> None:
    held = claimed()
    write(held, Confirm(0.0, Effect.UNKNOWN, 0), DOUBT)
    with ledger.connection() as connection:
        connection.execute(
            "UPDATE lockgate.operations SET deadline_at = now() - interval '1 minute', decide_at = now() + interval '5 s'"
        )
    decided_at = row("decide_at", held.lease.operation_id)
    asked = claim(ledger, held.ticket_id, TERMS, worker="w1")
    assert asked is not None
    write(asked, Confirm(0.0, Effect.UNKNOWN, 0), Heard("unclear", Effect.UNKNOWN))
    assert row("state, decide_at", held.lease.operation_id) == ("unconfirmed", decided_at)


@pytest.mark.parametrize(
    ("lost", "left"),
    [
        (["inquire", "inquire"], 0),
        (["send", "inquire"], 1),
        (["send", "send"], 2),
        (["send", "answered", "inquire"], 0),
    ],
)
def test_an_answered_inquiry_forgets_inquiries_that_were_lost_and_no_send(
    ledger: Ledger, claimed: Claim, write: Write, row: Row, lost: list[str], left: int
) -> None:
    """Or one who is asked about a hundred times is a suspect for good, though nine of ten inquiries came back well."""
    held, crashes = claimed(), 0
    for what in lost:
        sends = what != "inquire"
        if what == "answered":
            write(held, AGAIN, DOUBT)
        else:
            if held.purpose is Purpose.SEND and not sends:
                write(held, Confirm(0.0, Effect.UNKNOWN, 0), Heard("deferred", Effect.UNKNOWN))
                held = claim_again(ledger, held)
            assert (held.purpose is Purpose.SEND) == sends
            crashes += 1
            heard = Heard("lost", Effect.UNKNOWN, code="worker_lost", crashes=crashes)
            write(held, AGAIN if what == "send" else Confirm(0.0, Effect.UNKNOWN, 0), heard)
        held = claim_again(ledger, held)
    write(held, Confirm(0.0, Effect.UNKNOWN, 0), Heard("deferred", Effect.UNKNOWN))
    asked = claim_again(ledger, held)
    assert asked.purpose is Purpose.INQUIRE
    write(asked, Confirm(0.0, Effect.UNKNOWN, 0), Heard("unclear", Effect.UNKNOWN))
    assert row("crashes", held.lease.operation_id) == left


def claim_again(ledger: Ledger, held: Claimed) -> Claimed:
    found = claim(ledger, held.ticket_id, TERMS, worker="w1", alone=True)
    assert found is not None
    return found


def test_asking_for_an_answer_gives_the_provider_no_more_time_to_give_it(
    ledger: Ledger, claimed: Claim, write: Write, row: Row
) -> None:
    held = claimed()
    write(held, Await(0.0), Heard("accepted", Effect.UNKNOWN))
    decided_at = row("decide_at", held.lease.operation_id)
    asked = claim(ledger, held.ticket_id, TERMS, worker="w1")
    assert asked is not None
    write(asked, Await(0.0), Heard("accepted", Effect.UNKNOWN))
    assert row("state, decide_at", held.lease.operation_id) == ("awaiting", decided_at)


def test_what_a_dead_child_ran_is_not_prolonged_with_what_its_worker_still_runs(
    ledger: Ledger, claimed: Claim, row: Row
) -> None:
    held = claimed()
    with ledger.connection() as connection:
        connection.execute("UPDATE lockgate.operations SET provider = 'local'")
    lapse(ledger, "w1")
    assert renew(ledger, "w1", lease=60.0) == 0
    assert row("lease_until <= clock_timestamp()", held.lease.operation_id)
