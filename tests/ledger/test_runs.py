"""Plans and runs of requeues: frozen, paced, stopped by what comes back, and driven by many at once without harm."""

import threading
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from given.buried import DOUBT, EXHAUSTED, ORDER, PAYMENTS, REFUSED, bury, dead
from given.ledger import PACE, TERMS, item

from config.secret import Secret
from config.settings import Settings
from deadletter import resolve, run
from deadletter.drive import drive
from deadletter.plan import plan
from deadletter.requeue import requeue
from integrations.registry import Registry
from ledger import audit, run_letters, runs
from ledger.accept import accept
from ledger.audit import Order
from ledger.claim import claim
from ledger.lanes import SPARE
from ledger.letters import Wanted
from ledger.record import Heard, record
from ledger.run_letters import Counts
from ledger.runs import Run
from ledger.session import Ledger
from operations.errors import NotAllowedError
from operations.outcome import Effect
from operations.states import State
from resilience.decide import Settle

HOME = Settle(State.SUCCEEDED, Effect.DONE, "pi_1")


@pytest.fixture
def registry() -> Registry:
    return Registry(Settings("postgresql://x", "redis://x", Secret("k")))


class Drill:
    """Some dead payments, their run, and a provider that answers as it is told."""

    def __init__(self, ledger: Ledger, registry: Registry, count: int) -> None:
        self.ledger, self.registry = ledger, registry
        self.letters = [dead(ledger, key=f"order:{number}:payment")[0] for number in range(count)]

    def plan(self, **more: Any) -> Run:
        return plan(self.ledger, self.registry, Wanted(), ORDER, **more)

    def begun(self, **more: Any) -> Run:
        return run.start(self.ledger, self.plan(**more).id, ORDER)

    def drive(self) -> int:
        return drive(self.ledger, self.registry)

    def answer(self, *, dies: bool = False, code: str = "http_503") -> int:
        """Carry out what waits; how many that were."""
        with self.ledger.connection() as connection:
            waiting = connection.execute("SELECT ticket_id FROM lockgate.operations WHERE state = 'waiting'").fetchall()
        for (ticket,) in waiting:
            claimed = claim(self.ledger, ticket, TERMS, worker="w2")
            assert claimed is not None
            if dies:
                bury(self.ledger, claimed, EXHAUSTED, code=code)
            else:
                heard = Heard("succeeded", Effect.DONE, reference="pi_1")
                assert record(self.ledger, claimed.lease, HOME, heard=heard, pace=PACE)
        return len(waiting)

    def counts(self, of: Run) -> Counts:
        with self.ledger.connection() as connection:
            return run_letters.counts(connection, of.id)

    def now(self, of: Run) -> Run:
        with self.ledger.connection() as connection:
            found = runs.get(connection, of.id)
        assert found is not None
        return found

    def sends(self) -> int:
        """How many requeues were written."""
        with self.ledger.connection() as connection:
            row = connection.execute("SELECT count(*) FROM lockgate.audit WHERE action = 'requeue'").fetchone()
        assert row is not None
        return int(row[0])


@pytest.fixture
def drill(ledger: Ledger, registry: Registry) -> Callable[[int], Drill]:
    return lambda count: Drill(ledger, registry, count)


def test_a_plan_says_what_it_would_mean(ledger: Ledger, registry: Registry) -> None:
    dead(ledger, key="order:1:payment")
    dead(ledger, DOUBT, key="order:2:payment", lane=replace(PAYMENTS, tenant="shop"))
    dead(ledger, REFUSED, key="order:3:payment")
    expired, _ = dead(ledger, key="order:4:payment")
    done, _ = dead(ledger, replace(EXHAUSTED, effect=Effect.DONE), key="order:5:payment")
    accept(ledger, [item("order:1:refund", lane=PAYMENTS), item("order:11:payment", lane=PAYMENTS)])
    with ledger.connection() as connection:
        connection.execute(
            "UPDATE lockgate.operations SET send_until = now() - interval '1 hour' WHERE id = %s",
            [expired.operation_id],
        )
    made = plan(ledger, registry, Wanted(provider="stripe"), ORDER)
    told = made.figures
    assert (made.state, made.filter) == ("planned", {"provider": "stripe"})
    assert (told["count"], told["tenants"], told["kinds"]) == (
        4, {"default": 3, "shop": 1}, {"stripe.take_payment": 4},
    )  # fmt: skip
    assert (told["asks_first"], told["key_expired"], told["later_work"]) == (2, 1, 1)
    assert list(told["refused"].values()) == [1]
    assert "is done at the provider" in next(iter(told["refused"]))
    assert told["seconds"] > 0
    with ledger.connection() as connection:
        (skipped,) = run_letters.items(connection, made.id, state="skipped")
        (entry,) = audit.entries(connection, f"run:{made.id}")
    assert skipped.letter_id == done.id
    assert (entry.actor, entry.action, entry.after["count"]) == ("ann", "plan", 4)


def test_a_plan_is_frozen_what_dies_later_is_not_in_it(drill: Callable[[int], Drill], ledger: Ledger) -> None:
    made = drill(3).plan()
    dead(ledger, key="order:9:payment")
    with ledger.connection() as connection:
        assert run_letters.counts(connection, made.id).total == 3


def test_a_plan_for_nothing_or_for_what_may_not_be_requeued_is_refused(ledger: Ledger, registry: Registry) -> None:
    with pytest.raises(NotAllowedError, match="no open dead letter matches"):
        plan(ledger, registry, Wanted(provider="stripe"), ORDER)
    dead(ledger, replace(EXHAUSTED, effect=Effect.DONE), key="order:5:payment")
    with pytest.raises(NotAllowedError, match="none of these 1 dead letters may be requeued"):
        plan(ledger, registry, Wanted(), ORDER)
    with ledger.connection() as connection:
        assert runs.listed(connection) == []


def test_a_plan_holds_so_many_and_says_that_there_are_more(drill: Callable[[int], Drill]) -> None:
    made = drill(4).plan(most=3, canary=2)
    assert (made.figures["count"], made.figures["more"]) == (3, True)


def test_the_canary_goes_first_and_ever_more_follow(drill: Callable[[int], Drill]) -> None:
    many = drill(60)
    going = many.begun(canary=4)
    assert many.drive() == 4
    assert many.drive() == 0, "nobody goes before the canary is home"
    many.answer()
    widths = []
    while many.now(going).active:
        many.drive()
        widths.append(many.counts(going).sent)
        many.answer()
    assert [width for width in widths if width][:3] == [8, 16, 32]
    assert many.counts(going) == Counts(succeeded=60)
    assert many.now(going).state == "done"
    assert many.sends() == 60


def test_a_run_leaves_the_reserve_to_live_work(
    drill: Callable[[int], Drill], ledger: Ledger, registry: Registry
) -> None:
    many = drill(2)
    many.begun()
    many.drive()
    query = "SELECT DISTINCT l.priority FROM lockgate.operations o JOIN lockgate.lanes l ON l.id = o.lane_id"
    with ledger.connection() as connection:
        assert connection.execute(query).fetchall() == [(SPARE,)]
    many.answer(dies=True)
    with ledger.connection() as connection:
        row = connection.execute("SELECT max(id) FROM lockgate.dead_letters").fetchone()
        assert row is not None
        requeue(ledger, registry, row[0], ORDER)
        found = connection.execute(f"{query} WHERE o.state = 'waiting'").fetchall()
    assert found == [(0,)], "one that a person requeues by itself is live work"


def test_a_canary_that_comes_back_stops_a_run_of_500(drill: Callable[[int], Drill]) -> None:
    many = drill(500)
    going = many.begun()
    assert many.drive() == 5
    many.answer(dies=True)
    assert many.drive() == 0
    stopped = many.now(going)
    assert stopped.state == "stopped"
    assert stopped.why is not None
    assert stopped.why.startswith("5 of the canary came back: dl_50")
    assert many.counts(going) == Counts(waiting=495, back=5)
    assert many.drive() == 0
    assert many.sends() == 5


def test_what_comes_back_as_it_was_stops_a_run_past_its_canary(drill: Callable[[int], Drill]) -> None:
    many = drill(40)
    going = many.begun(canary=2)
    many.drive()
    many.answer()
    many.drive()
    assert many.drive() == 4
    many.answer(dies=True)
    many.drive()
    assert many.now(going).state == "stopped"
    assert many.counts(going) == Counts(waiting=34, succeeded=2, back=4)


def test_so_many_may_come_back_as_are_tolerated_and_strangers_stop_it_later(drill: Callable[[int], Drill]) -> None:
    many = drill(40)
    going = many.begun(canary=2, tolerate=2)
    many.drive()
    many.answer(dies=True)
    many.drive()
    many.drive()
    many.answer(dies=True, code="http_504")
    many.drive()
    assert many.now(going).state == "running", "another failure is told, and is not what was to be mended"
    while many.now(going).active:
        many.drive()
        many.answer(dies=True, code="http_504")
    stopped = many.now(going)
    assert stopped.state == "stopped"
    assert many.counts(going).waiting > 0


def test_a_stopped_run_goes_on_with_a_canary_and_what_came_back_is_forgiven(drill: Callable[[int], Drill]) -> None:
    many = drill(20)
    going = many.begun(canary=3)
    many.drive()
    many.answer(dies=True)
    many.drive()
    assert many.now(going).state == "stopped"
    assert run.resume(many.ledger, going.id, ORDER).state == "canary"
    assert many.drive() == 3
    many.answer()
    while many.now(going).active:
        many.drive()
        many.answer()
    assert many.now(going).state == "done"
    assert many.counts(going) == Counts(succeeded=17, back=3)


def test_what_comes_back_while_a_run_rests_is_forgiven_when_it_goes_on(drill: Callable[[int], Drill]) -> None:
    many = drill(12)
    going = many.begun(canary=3)
    assert many.drive() == 3
    run.pause(many.ledger, going.id, Order("bob", "it looks bad"))
    many.answer(dies=True)
    assert run.resume(many.ledger, going.id, ORDER).state == "canary"
    while many.now(going).active:
        many.drive()
        many.answer()
    assert many.now(going).state == "done"
    assert many.counts(going) == Counts(succeeded=9, back=3)


def test_a_paused_run_sends_nothing_and_a_cancelled_one_leaves_the_rest_open(drill: Callable[[int], Drill]) -> None:
    many = drill(12)
    going = many.begun(canary=2)
    many.drive()
    run.pause(many.ledger, going.id, Order("bob", "lunch"))
    many.answer()
    assert many.drive() == 0
    assert many.counts(going) == Counts(waiting=10, succeeded=2)  # what was on its way came home all the same
    run.resume(many.ledger, going.id, ORDER)
    assert many.drive() == 2
    ended = run.cancel(many.ledger, going.id, Order("bob", "not today"))
    assert (ended.state, ended.why) == ("cancelled", "cancelled by bob: not today")
    many.answer()
    assert many.drive() == 0
    assert many.sends() == 4
    with many.ledger.connection() as connection:
        told = [(entry.actor, entry.action) for entry in audit.entries(connection, f"run:{going.id}")]
        row = connection.execute("SELECT count(*) FROM lockgate.dead_letters WHERE status = 'open'").fetchone()
    assert told == [("ann", "plan"), ("ann", "start"), ("bob", "pause"), ("ann", "resume"), ("bob", "cancel")]
    assert row == (8,)


def test_of_two_operators_who_start_a_run_one_wins_and_the_other_is_told(drill: Callable[[int], Drill]) -> None:
    many = drill(2)
    made = many.plan()
    told: list[str] = []

    def begin(name: str) -> None:
        try:
            run.start(many.ledger, made.id, Order(name, "now"))
        except NotAllowedError as error:
            told.append(str(error))

    both = [threading.Thread(target=begin, args=(name,)) for name in ("ann", "bob")]
    for one in both:
        one.start()
    for one in both:
        one.join()
    (said,) = told
    assert f"run {made.id}" in said
    assert "begun by" in said
    with many.ledger.connection() as connection:
        assert len(audit.entries(connection, f"run:{made.id}")) == 2


def test_a_letter_that_a_person_decided_about_meanwhile_is_skipped_and_says_why(drill: Callable[[int], Drill]) -> None:
    many = drill(3)
    made = many.plan()
    resolve.discard(many.ledger, many.letters[1].id, Order("bob", "nobody wants it"))
    run.start(many.ledger, made.id, ORDER)
    many.drive()
    with many.ledger.connection() as connection:
        (skipped,) = run_letters.items(connection, made.id, state="skipped")
    assert skipped.letter_id == many.letters[1].id
    assert skipped.why is not None
    assert "was discarded by bob" in skipped.why


def test_two_plans_with_the_same_letters_send_each_once(drill: Callable[[int], Drill]) -> None:
    many = drill(10)
    first, second = many.begun(canary=10), many.begun(canary=10)
    while many.now(first).active or many.now(second).active:
        many.drive()
        many.answer()
    assert many.sends() == 10
    assert many.counts(first).succeeded + many.counts(second).succeeded == 10


def test_a_run_that_many_drive_at_once_sends_each_letter_once(drill: Callable[[int], Drill]) -> None:
    many = drill(40)
    going = many.begun(canary=40)
    start = threading.Barrier(6)

    def push() -> None:
        start.wait()
        for _ in range(10):
            many.drive()

    drivers = [threading.Thread(target=push) for _ in range(6)]
    for one in drivers:
        one.start()
    for one in drivers:
        one.join()
    assert many.sends() == 40
    with many.ledger.connection() as connection:
        row = connection.execute("SELECT count(*) FROM lockgate.operations WHERE epoch = 2").fetchone()
    assert row == (40,)
    many.answer()
    many.drive()
    assert many.now(going).state in {"running", "done"}


def test_a_letter_that_another_holds_keeps_no_other_waiting(drill: Callable[[int], Drill]) -> None:
    many = drill(4)
    going = many.begun(canary=4)
    with many.ledger.transaction() as other:
        other.execute("SELECT id FROM lockgate.operations WHERE id = %s FOR UPDATE", [many.letters[0].operation_id])
        assert many.drive() == 3
    assert many.drive() == 1
    assert many.counts(going).sent == 4


def test_a_run_that_is_not_there_is_said_to_be_so(ledger: Ledger) -> None:
    with pytest.raises(NotAllowedError, match="there is no run 7"):
        run.pause(ledger, 7, ORDER)


def test_what_another_driver_has_noted_meanwhile_is_not_requeued_with_it(
    drill: Callable[[int], Drill], monkeypatch: pytest.MonkeyPatch
) -> None:
    many = drill(2)
    many.begun(canary=2)
    monkeypatch.setattr(run_letters, "mark", lambda *_args, **_more: False)
    assert many.drive() == 0
    assert many.sends() == 0
    monkeypatch.undo()
    assert many.drive() == 2
