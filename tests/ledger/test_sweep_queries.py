"""What the sweep asks of the ledger: lanes, hints, lapsed leases, overdue operations, what follows."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from given.ledger import LANE, TERMS, item

from ledger import due, follow, guard, lapsed, pauses, usage
from ledger.accept import Answer, accept
from ledger.claim import Claimed, claim
from ledger.record import Heard
from ledger.session import Connection, Ledger
from operations.means import Assurance
from operations.operation import Purpose
from operations.outcome import Effect
from operations.states import State
from resilience.clock import boottime
from resilience.decide import Confirm, Settle

Write = Callable[..., bool]
NOW = '{"acme": 300}'


def assurance(kind: str) -> Assurance:
    assert kind == "acme.make"
    return TERMS.assurance


def test_lanes_with_work_are_found_with_what_is_due_and_what_is_hinted(ledger: Ledger) -> None:
    other = replace(LANE, tenant="blue")
    accept(ledger, [item("a", hint=False), item("b"), item("c", due_in=60.0), item("d", lane=other, hint=False)])
    with ledger.connection() as connection:
        found = {lane.tenant: lane for lane in due.backlogs(connection, epoch=0, stale=NOW, bound=100)}
    assert (found["default"].due, found["default"].hinted) == (1, 1)
    assert (found["blue"].due, found["blue"].hinted) == (1, 0)
    assert found["blue"].oldest is not None


def test_marking_takes_the_oldest_and_no_operation_twice(ledger: Ledger) -> None:
    items = [item(f"order:{number}", hint=False) for number in range(5)]
    for asked in items:
        accept(ledger, [asked])
    with ledger.connection() as connection:
        lane = due.backlogs(connection, epoch=0, stale=NOW, bound=100)[0].lane_id
        first = due.mark_hinted(connection, {lane: 3}, epoch=0, stale=NOW)
        second = due.mark_hinted(connection, {lane: 10}, epoch=0, stale=NOW)
    assert {hint.ticket_id for hint in first} == {asked.ticket_id for asked in items[:3]}
    assert {hint.ticket_id for hint in second} == {asked.ticket_id for asked in items[3:]}
    assert first[0].task == "tasks.acme.make"


def test_after_the_epoch_was_raised_every_hint_counts_as_lost(ledger: Ledger) -> None:
    accept(ledger, [item()])
    with ledger.connection() as connection:
        assert guard.raise_epoch(connection, 0)
        assert not guard.raise_epoch(connection, 0)
        assert due.backlogs(connection, epoch=1, stale=NOW, bound=100)[0].due == 1


def test_a_hint_that_is_older_than_its_queue_explains_is_due_again(ledger: Ledger) -> None:
    accept(ledger, [item()])
    with ledger.connection() as connection:
        assert due.backlogs(connection, epoch=0, stale=NOW, bound=100)[0].due == 0
        assert due.backlogs(connection, epoch=0, stale='{"acme": 0}', bound=100)[0].due == 1


def test_a_probe_is_an_inquiry_before_it_is_anything_else(ledger: Ledger, write: Write) -> None:
    old, doubtful = item("old", hint=False), item("doubtful")
    accept(ledger, [old, doubtful])
    held = claim(ledger, doubtful.ticket_id, TERMS, worker="w1")
    assert held is not None
    write(held, Confirm(0.0, Effect.UNKNOWN, 0), Heard("failed", Effect.UNKNOWN))
    with ledger.connection() as connection:
        lane = due.backlogs(connection, epoch=0, stale=NOW, bound=100)[0].lane_id
        probe = due.mark_probe(connection, [(lane, 1)], epoch=0)
    assert probe is not None
    assert (probe.ticket_id, probe.probe) == (doubtful.ticket_id, True)


def test_a_probe_prefers_the_lane_whose_operations_are_safe_to_repeat(ledger: Ledger) -> None:
    risky = replace(LANE, kind="acme.ping")
    accept(ledger, [item("x", lane=risky, hint=False), item("k", hint=False)])
    with ledger.connection() as connection:
        lanes = {lane.kind: lane.lane_id for lane in due.backlogs(connection, epoch=0, stale=NOW, bound=9)}
        probe = due.mark_probe(connection, [(lanes["acme.ping"], 4), (lanes["acme.make"], 1)], epoch=0)
    assert probe is not None
    assert probe.task == "tasks.acme.make"
    with ledger.connection() as connection:
        row = connection.execute(
            "SELECT kind FROM lockgate.operations WHERE ticket_id = %s", [probe.ticket_id]
        ).fetchone()
    assert row == ("acme.make",)


def test_a_row_that_somebody_has_locked_is_no_probe_and_keeps_its_hint(ledger: Ledger) -> None:
    items = [item(f"order:{number}", hint=False) for number in range(2)]
    for asked in items:
        accept(ledger, [asked])
    tickets = [asked.ticket_id for asked in items]
    with ledger.transaction() as other, ledger.connection() as connection:
        other.execute("SELECT FROM lockgate.operations WHERE ticket_id = %s FOR SHARE", [tickets[0]])
        lane = due.backlogs(connection, epoch=0, stale=NOW, bound=100)[0].lane_id
        probe = due.mark_probe(connection, [(lane, 1)], epoch=0)
        assert probe is not None
        assert probe.ticket_id == tickets[1]
        assert due.unhint(connection, tickets) == [lane]


def test_held_lanes_say_why_and_keep_accepted_work_from_being_hinted(ledger: Ledger) -> None:
    accept(ledger, [item("a", hint=False)])
    with ledger.connection() as connection:
        lane = due.backlogs(connection, epoch=0, stale=NOW, bound=9)[0].lane_id
        due.hold_lanes(connection, {lane: "breaker"}, seconds=60)
        assert due.backlogs(connection, epoch=0, stale=NOW, bound=9)[0].held_by == "breaker"
        assert not accept(ledger, [item("b")])[0].hint
        due.hold_lanes(connection, {lane: ""}, seconds=60)
        assert accept(ledger, [item("c")])[0].hint


def test_a_lapsed_lease_is_found_but_not_while_postgresql_has_just_started(
    ledger: Ledger, claimed: Callable[..., Claimed]
) -> None:
    held = claimed()
    with ledger.connection() as connection:
        connection.execute("UPDATE lockgate.operations SET lease_until = clock_timestamp() - interval '1 second'")
        connection.execute("UPDATE lockgate.ledger SET reap_after = clock_timestamp() + interval '1 minute'")
        assert lapsed.lapsed(connection, assurance, known=["acme.make"], limit=10) == []
        connection.execute("UPDATE lockgate.ledger SET reap_after = '-infinity'")
        found = lapsed.lapsed(connection, assurance, known=["acme.make"], limit=10)
    assert [stray.lease.operation_id for stray in found] == [held.lease.operation_id]
    assert found[0].lease.standing.purpose is Purpose.SEND
    assert (found[0].lease.token, found[0].lease.state) == (held.lease.token, State.CALLING)


def test_kinds_that_nobody_here_knows_do_not_keep_the_others_waiting(
    ledger: Ledger, claimed: Callable[..., Claimed]
) -> None:
    """They lapsed first, they are more than fit into one look, and only workers of a newer version can decide them."""
    newer = replace(LANE, kind="acme.newer")
    for number in range(4):
        claimed(f"newer:{number}", lane=newer)
    held = claimed("order:1")
    accept(ledger, [item(f"late:{number}", lane=newer) for number in range(4)])
    accept(ledger, [item("late")])
    with ledger.connection() as connection:
        connection.execute(
            "UPDATE lockgate.operations SET decide_at = '-infinity', "
            "lease_until = CASE WHEN state = 'calling' THEN clock_timestamp() - interval '1 minute' END"
        )
        connection.execute("UPDATE lockgate.operations SET decide_at = now() WHERE business_key = 'late'")
        connection.execute(
            "UPDATE lockgate.operations SET lease_until = clock_timestamp() - interval '1 second' WHERE id = %s",
            [held.lease.operation_id],
        )
        found = lapsed.lapsed(connection, assurance, known=["acme.make"], limit=2)
        late = lapsed.overdue(connection, assurance, known=["acme.make"], limit=2)
    assert [stray.lease.operation_id for stray in found] == [held.lease.operation_id]
    assert [stray.lease.kind for stray in late] == ["acme.make"]


def test_overdue_operations_say_why(ledger: Ledger) -> None:
    accept(ledger, [item(f"order:{number}") for number in range(4)])
    with ledger.connection() as connection:
        for key, change in {
            "order:0": "reason = 'exhausted', decide_at = now() - interval '1 second'",
            "order:1": "revoked_at = now() - interval '1 second', decide_at = now() - interval '1 second'",
            "order:2": "expires_at = now() - interval '1 second', decide_at = now() - interval '1 second'",
            "order:3": "deadline_at = now() - interval '1 second', decide_at = now() - interval '1 second'",
        }.items():
            connection.execute(f"UPDATE lockgate.operations SET {change} WHERE business_key = %s", [key])
        found = lapsed.overdue(connection, assurance, known=["acme.make"], limit=10)
    assert sorted(stray.why for stray in found) == ["deadline", "exhausted", "expired", "revoked"]


def test_what_follows_is_hinted_again_until_it_is_finalised(
    ledger: Ledger, claimed: Callable[..., Claimed], write: Write
) -> None:
    held = claimed(follows=True)
    write(held, Settle(State.SUCCEEDED, Effect.DONE, "t_1"), Heard("succeeded", Effect.DONE, sealed={"result": 7}))
    with ledger.connection() as connection:
        assert follow.unfinished(connection, limit=10) == []
        connection.execute("UPDATE lockgate.tickets SET follow_at = clock_timestamp() - interval '1 second'")
        assert [hint.ticket_id for hint in follow.unfinished(connection, limit=10)] == [held.ticket_id]
        assert follow.unfinished(connection, limit=10) == []
    seen = follow.ended(ledger, held.ticket_id)
    assert seen is not None
    assert (seen.state, seen.reference, seen.result, seen.finalised) == ("succeeded", "t_1", 7, False)
    follow.finalise(ledger, held.ticket_id, "default", fence=1, state="succeeded", children=[["child", None]])
    with ledger.connection() as connection:
        connection.execute("UPDATE lockgate.tickets SET follow_at = clock_timestamp() - interval '1 second'")
        assert follow.unfinished(connection, limit=10) == []


def overdue(connection: Connection) -> list[str]:
    return sorted(stray.why for stray in lapsed.overdue(connection, assurance, known=["acme.make"], limit=10))


def test_a_deadline_waits_while_a_person_holds_the_work_back_and_afterwards_is_as_far_away_as_before(
    ledger: Ledger,
) -> None:
    accept(ledger, [item("late"), item("expired")])
    with ledger.connection() as connection:
        pauses.pause(connection, "acme", cause="person", by="ann", because="their maintenance")
        connection.execute("UPDATE lockgate.pauses SET since = since - interval '2 hours'")
        connection.execute(
            "UPDATE lockgate.operations SET accepted_at = statement_timestamp() - interval '3 hours', "
            "deadline_at = statement_timestamp() - interval '1 hour', decide_at = statement_timestamp() - interval '1 hour'"
        )
        connection.execute(
            "UPDATE lockgate.operations SET deadline_at = statement_timestamp() + interval '1 hour', "
            "expires_at = decide_at WHERE business_key = 'expired'"
        )
        assert overdue(connection) == ["expired"]
        pauses.lift(connection, "acme", causes=("person",))
        assert overdue(connection) == ["expired"]
        connection.execute("UPDATE lockgate.operations SET decide_at = decide_at - interval '2 hours'")
        assert overdue(connection) == ["deadline", "expired"]


def test_a_refused_credential_stops_no_deadline(ledger: Ledger) -> None:
    accept(ledger, [item("late")])
    with ledger.connection() as connection:
        pauses.pause(connection, "acme", cause="connection", by="lockgate", because="401", credential="x")
        connection.execute("UPDATE lockgate.operations SET deadline_at = accepted_at, decide_at = accepted_at")
        assert overdue(connection) == ["deadline"]


@pytest.mark.parametrize("follows", [True, False])
def test_a_ticket_that_comes_after_the_end_is_hinted_at_only_if_something_follows_it(
    ledger: Ledger, claimed: Callable[..., Claimed], write: Write, *, follows: bool
) -> None:
    held = claimed("order:1")
    write(held, Settle(State.SUCCEEDED, Effect.DONE, "t_1"), Heard("succeeded", Effect.DONE))
    late = item("order:1", follows=follows)
    assert accept(ledger, [late])[0].answer is Answer.EXISTING
    with ledger.connection() as connection:
        due = "SELECT id FROM lockgate.tickets WHERE follow_at < 'infinity'"
        assert connection.execute(due).fetchall() == ([(late.ticket_id,)] if follows else [])
        connection.execute("UPDATE lockgate.tickets SET follow_at = clock_timestamp() - interval '1 second'")
        hinted = [hint.ticket_id for hint in follow.unfinished(connection, limit=10)]
    assert hinted == ([late.ticket_id] if follows else [])


def test_the_guard_calls_for_calm_after_a_jump_of_the_clock_and_holds_reaping_after_a_start(ledger: Ledger) -> None:
    boot = [1000.0]
    watching = guard.Guard(lease=60.0, settle=120.0, clock=lambda: boot[0])
    with ledger.connection() as connection:

        def left() -> tuple[bool, bool]:
            row = connection.execute(
                "SELECT reap_after > clock_timestamp(), calm_until > clock_timestamp() FROM lockgate.ledger"
            ).fetchone()
            assert row is not None
            return row[0], row[1]

        ledger.secret  # noqa: B018  makes the ledger's row
        assert watching.look(connection) == 0
        assert left() == (False, False)
        connection.execute("UPDATE lockgate.ledger SET started_at = started_at - interval '1 day'")
        watching.look(connection)
        assert left() == (True, False)
        # It is no calm of no seconds either: inquiries about old doubts would have to look until then.
        assert connection.execute("SELECT calm_until = '-infinity' FROM lockgate.ledger").fetchone() == (True,)
        boot[0] -= 60.0
        watching.look(connection)
        assert left() == (True, True)


def test_a_look_that_takes_long_is_no_jump_of_a_clock(ledger: Ledger) -> None:
    """As when a worker is stopped for half a minute between its question and the answer, and goes on afterwards."""
    boot = iter([1000.0, 1000.0, 1000.0, 1030.0, 1030.0, 1030.0, 1036.0, 1036.0])
    watching = guard.Guard(lease=60.0, settle=120.0, clock=lambda: next(boot))
    calm = "SELECT calm_until > '-infinity' FROM lockgate.ledger"
    with ledger.connection() as connection:
        ledger.secret  # noqa: B018  makes the ledger's row
        for _ in range(3):
            watching.look(connection)
            assert connection.execute(calm).fetchone() == (False,)
        watching.look(connection)  # six seconds for BOOTTIME, and none for PostgreSQL
        assert connection.execute(calm).fetchone() == (True,)


def test_usage_of_the_last_window_and_live_calls_can_be_read_back(
    ledger: Ledger, claimed: Callable[..., Claimed]
) -> None:
    held = claimed()
    with ledger.connection() as connection:
        sent = usage.sent_lately(connection, ["acme"], window=60.0, grain=10.0)
        live = usage.live_leases(connection, ["acme"])
    assert [(part.kind, part.cost) for part in sent] == [("acme.make", 1.0)]
    assert [(lease.token, 0 < lease.left <= 60) for lease in live] == [(str(held.lease.token), True)]


def test_two_clocks_are_real(ledger: Ledger) -> None:
    with ledger.connection() as connection:
        ledger.secret  # noqa: B018  makes the ledger's row
        watching = guard.Guard(lease=60.0, settle=120.0, clock=boottime)
        watching.look(connection)
        watching.look(connection)
        assert connection.execute("SELECT calm_until < now() FROM lockgate.ledger").fetchone() == (True,)
