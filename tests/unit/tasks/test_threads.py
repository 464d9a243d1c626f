"""The pool of threads, with jobs that need no server: what is carried out, and what a held-up thread leaves to others."""

import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from types import SimpleNamespace
from typing import Any

import psycopg
import pytest
from given.deployment import eventually

from tasks import company, hint, slot
from tasks.broker import appetite
from tasks.current import current
from tasks.threads import TaskPool

MakePool = Callable[[int], TaskPool]


@pytest.fixture
def make_pool() -> Iterator[MakePool]:
    made: list[TaskPool] = []

    def make(limit: int) -> TaskPool:
        pool = TaskPool(limit=limit, app=SimpleNamespace(tasks={"job": None, "stripe's": STRIPES}))
        pool.start()
        made.append(pool)
        return pool

    yield make
    for pool in made:
        pool.stop()


@pytest.fixture
def begun(monkeypatch: pytest.MonkeyPatch) -> list[list[str]]:
    """Everything is welcome in company; the tickets of each company that was begun."""
    companies: list[list[str]] = []
    monkeypatch.setattr(company, "welcomes", lambda _task, _request: True)
    monkeypatch.setattr(company, "begin", lambda several: companies.append([each[1] for each in several]))
    return companies


@pytest.fixture
def handed_back(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    tickets: list[str] = []
    monkeypatch.setattr(company, "part", tickets.extend)
    return tickets


def put(
    pool: TaskPool,
    ticket: str,
    body: Callable[[], Any],
    accepted: Callable[..., Any] | None = None,
    *,
    request: Mapping[str, Any] | None = None,
) -> None:
    pool.apply_async(
        lambda *_: body(),
        ("stripe's" if request else "job", ticket, request or {}),
        {},
        callback=lambda _: None,
        accept_callback=accepted or (lambda *_: None),
    )


def test_every_job_is_accepted_and_carried_out_once(make_pool: MakePool) -> None:
    pool, done, accepted = make_pool(4), [], []
    for number in range(500):
        put(pool, str(number), lambda number=number: done.append(number), lambda *_: accepted.append(1))
    eventually(lambda: len(done) >= 500)
    assert sorted(done) == list(range(500))
    assert len(accepted) == 500


@pytest.mark.parametrize("raised", [ValueError("no"), SystemExit(1)])
def test_a_job_that_raises_costs_no_slot(make_pool: MakePool, raised: BaseException) -> None:
    pool, done = make_pool(1), []

    def fall() -> None:
        raise raised

    for number in range(3):
        put(pool, f"falls-{number}", fall)
    put(pool, "after", lambda: done.append(1))
    eventually(lambda: done)


def test_as_many_are_carried_out_at_once_as_there_are_slots(make_pool: MakePool) -> None:
    pool, meet = make_pool(12), threading.Barrier(12, timeout=60)
    met: list[int] = []
    for number in range(12):
        put(pool, str(number), lambda: met.append(meet.wait()))
    eventually(lambda: len(met) == 12)


def test_one_thread_at_a_time_works_on_what_is_begun_in_company(
    make_pool: MakePool, begun: list[list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slot, "_STUCK", 60.0)
    pool, at_work, most, done = make_pool(8), [], [], []

    def work() -> None:
        at_work.append(1)
        most.append(len(at_work))
        threading.Event().wait(0.001)  # lets go of the interpreter, as a statement does
        at_work.pop()
        done.append(1)

    for number in range(200):
        put(pool, str(number), work)
    eventually(lambda: len(done) == 200)
    assert max(most) == 1
    assert begun


def test_what_may_wait_for_anything_is_carried_out_by_several(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(slot, "_STUCK", 60.0)
    pool, meet, met = make_pool(8), threading.Barrier(4, timeout=60), []
    for number in range(4):
        put(pool, str(number), lambda: met.append(meet.wait()))
    eventually(lambda: len(met) == 4)


def test_a_burst_that_may_be_slow_is_not_taken_by_one_thread(make_pool: MakePool, begun: list[list[str]]) -> None:
    pool, meet, met = make_pool(8), threading.Barrier(8, timeout=60), []
    for number in range(8):
        put(pool, str(number), lambda: met.append(meet.wait()))
    eventually(lambda: len(met) == 8)
    assert begun == []


def test_what_waits_together_is_begun_together(make_pool: MakePool, begun: list[list[str]]) -> None:
    pool, gate, done = make_pool(1), threading.Event(), []
    entered: list[int] = []
    put(pool, "first", partial(gate.wait, 20), lambda *_: entered.append(1))
    eventually(lambda: entered)
    for number in range(4):
        put(pool, str(number), lambda number=number: done.append(number))
    gate.set()
    eventually(lambda: len(done) == 4)
    assert begun == [["0", "1", "2", "3"]]
    assert done == [0, 1, 2, 3]


def test_others_carry_out_what_a_held_up_thread_has_in_its_hand(make_pool: MakePool, begun: list[list[str]]) -> None:
    pool, gates, stuck, done = make_pool(2), [threading.Event(), threading.Event()], threading.Event(), []
    entered: list[int] = []
    for number, gate in enumerate(gates):
        put(pool, f"gate-{number}", partial(gate.wait, 20), lambda *_: entered.append(1))
        eventually(lambda number=number: len(entered) == number + 1)
    put(pool, "stuck", partial(stuck.wait, 20))
    for number in range(6):
        put(pool, str(number), lambda number=number: done.append(number))
    gates[0].set()
    eventually(lambda: begun)
    assert len(begun[0]) > 1
    assert begun[0][0] == "stuck"
    gates[1].set()
    eventually(lambda: len(done) == 6)
    assert not stuck.is_set()
    stuck.set()


def test_a_pool_that_stops_hands_back_what_it_has_begun_and_not_carried_out(
    make_pool: MakePool, begun: list[list[str]], handed_back: list[str]
) -> None:
    pool, gate, stuck, done = make_pool(1), threading.Event(), threading.Event(), []
    entered: list[int] = []
    put(pool, "gate", partial(gate.wait, 20), lambda *_: entered.append(1))
    eventually(lambda: entered)
    put(pool, "stuck", partial(stuck.wait, 20))
    for number in range(3):
        put(pool, str(number), lambda number=number: done.append(number))
    gate.set()
    eventually(lambda: begun)
    ending = threading.Thread(target=pool.stop)
    ending.start()
    eventually(lambda: pool._stopped)
    stuck.set()
    ending.join(60)
    assert not ending.is_alive()
    assert sorted([*handed_back, *map(str, done)]) == ["0", "1", "2"]
    assert handed_back


def test_a_company_that_cannot_be_begun_is_carried_out_one_by_one(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(_several: Any) -> None:
        raise RuntimeError("not together")

    monkeypatch.setattr(company, "welcomes", lambda _task, _request: True)
    monkeypatch.setattr(company, "begin", refuse)
    pool, gate, done = make_pool(1), threading.Event(), []
    entered: list[int] = []
    put(pool, "gate", partial(gate.wait, 20), lambda *_: entered.append(1))
    eventually(lambda: entered)
    for number in range(3):
        put(pool, str(number), lambda number=number: done.append(number))
    gate.set()
    eventually(lambda: done == [0, 1, 2])


def test_a_worker_takes_fewer_hints_ahead_while_its_calls_are_slow(make_pool: MakePool) -> None:
    pool, done = make_pool(8), []
    for number in range(16):
        put(pool, f"slow-{number}", lambda: done.append(time.sleep(0.6)))
    eventually(lambda: appetite.per_slot == 1)
    eventually(lambda: len(done) == 16)
    for number in range(100):
        put(pool, f"quick-{number}", lambda: done.append(None))
    eventually(lambda: appetite.per_slot == 2)


ACME, OTHER = ({hint.HEADER: {"tenant": tenant, "lapsed": True}} for tenant in ("acme", "other"))
STRIPES = SimpleNamespace(bound_kind=SimpleNamespace(provider=SimpleNamespace(name="stripe")))


def test_others_are_carried_out_while_somebodys_jobs_hold_every_slot(make_pool: MakePool) -> None:
    pool, gate, entered, done = make_pool(4), threading.Event(), [], []
    for number in range(12):
        put(pool, f"held-{number}", partial(gate.wait, 60), lambda *_: entered.append(1), request=ACME)
    eventually(lambda: len(entered) == 4)
    for number in range(20):
        put(pool, f"free-{number}", lambda number=number: done.append(number), request=OTHER)
    eventually(lambda: len(done) == 20)
    assert done == list(range(20))
    assert len(entered) == 4
    gate.set()
    eventually(lambda: len(entered) == 12)


@pytest.mark.parametrize("trouble", [None, psycopg.OperationalError("away")])
def test_what_waits_behind_them_comes_to_its_end_and_is_put_off(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch, trouble: Exception | None
) -> None:
    pool, gate, entered, declined, put_off = make_pool(4), threading.Event(), [], [], []

    def note(tickets: Sequence[str], seconds: float) -> None:
        put_off.extend(tickets)
        assert seconds == 2.0
        if trouble is not None:
            raise trouble

    def job(number: int) -> Callable[[], Any]:
        def carry_out() -> None:
            if current.declining:
                declined.append(f"held-{number}")
                return
            entered.append(number)
            gate.wait(60)

        return carry_out

    monkeypatch.setattr(company, "put_off", note)
    for number in range(12):
        put(pool, f"held-{number}", job(number), request=ACME)
    eventually(lambda: len(declined) == 6)  # two wait for the next slots
    eventually(lambda: sorted(put_off) == sorted(declined))
    assert set(declined) == {f"held-{number}" for number in range(6, 12)}
    gate.set()
    eventually(lambda: sorted(entered) == list(range(6)))


def test_a_pool_that_stops_puts_off_what_it_was_giving_back(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch
) -> None:
    pool, gate, slow, put_off = make_pool(4), threading.Event(), threading.Event(), []

    def note(tickets: Sequence[str], _seconds: float) -> None:
        slow.wait(60)
        put_off.extend(tickets)

    monkeypatch.setattr(company, "put_off", note)
    for number in range(12):
        put(pool, f"held-{number}", lambda: None if current.declining else gate.wait(60), request=ACME)
    eventually(lambda: len(pool._waiting) == 2)
    ending = threading.Thread(target=pool.stop)
    ending.start()
    gate.set()
    slow.set()
    ending.join(60)
    assert not ending.is_alive()
    assert len(put_off) == 6


def test_a_thread_that_cannot_be_started_costs_no_slot(make_pool: MakePool, monkeypatch: pytest.MonkeyPatch) -> None:
    refusals = [1, 1, 1]
    start = threading.Thread.start

    def refuse(thread: threading.Thread) -> None:
        if thread.name.startswith("slot-") and refusals:
            refusals.pop()
            raise RuntimeError("can't start new thread")
        start(thread)

    monkeypatch.setattr(threading.Thread, "start", refuse)
    pool, meet, met = make_pool(2), threading.Barrier(2, timeout=60), []
    for number in range(2):
        put(pool, str(number), lambda: met.append(meet.wait()))
    eventually(lambda: len(met) == 2)
    assert refusals == []


def test_what_is_begun_while_the_pool_stops_is_handed_back(
    make_pool: MakePool, monkeypatch: pytest.MonkeyPatch, handed_back: list[str]
) -> None:
    pool, gate, beginning, go, done = make_pool(1), threading.Event(), threading.Event(), threading.Event(), []

    def begin(_several: Any) -> None:
        beginning.set()
        go.wait(60)

    monkeypatch.setattr(company, "welcomes", lambda _task, _request: True)
    monkeypatch.setattr(company, "begin", begin)
    entered: list[int] = []
    put(pool, "gate", partial(gate.wait, 60), lambda *_: entered.append(1))
    eventually(lambda: entered)
    for number in range(3):
        put(pool, str(number), lambda number=number: done.append(number))
    gate.set()
    assert beginning.wait(60)
    ending = threading.Thread(target=pool.stop)
    ending.start()
    eventually(lambda: pool._stopped)
    go.set()
    ending.join(60)
    assert not ending.is_alive()
    assert (done, sorted(handed_back)) == ([], ["0", "1", "2"])
