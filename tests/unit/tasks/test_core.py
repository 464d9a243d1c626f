"""One core for a worker's threads: who has which, when it is let go, and what is not held to it."""

import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tasks import core as module
from tasks.core import Core, Usage, shared

ALL = os.sched_getaffinity(0)
ASK = "import os; print(len(os.sched_getaffinity(0)))"
FORK = """
import os, sys
from pathlib import Path
from tasks.core import Core, core
core._seats, core._allowed = Path(sys.argv[1]), os.sched_getaffinity(0)
assert core.take({})
number, (reads, writes), (waits, ends) = core.number, os.pipe(), os.pipe()
if not os.fork():
    with core.roaming():
        os.write(writes, b"%d" % len(os.sched_getaffinity(0)))
    os.close(ends)
    os.read(waits, 1)
    os._exit(0)
cores = int(os.read(reads, 9))
core.let_go()
other = Core(Path(sys.argv[1]))
other._allowed = {number}
print(cores, other.take({}))
"""
TAKE = """
import os, sys
from pathlib import Path
from tasks.core import core
if os.fork():
    os.wait()
else:
    core._seats, core._allowed = Path(sys.argv[1]), os.sched_getaffinity(0)
    print(core.take({}), os.sched_getaffinity(0) == {core.number}, flush=True)
    os._exit(0)
"""
PATIENCE = 120.0


@pytest.fixture
def cores(tmp_path: Path) -> Iterator[list[Core]]:
    """One more than there are, of workers of one machine."""
    made = [Core(tmp_path) for _ in range(len(ALL) + 1)]
    for core in made:
        core._allowed = set(ALL)
    yield made
    for core in made:
        core.give_up()
    assert os.sched_getaffinity(0) == ALL


@pytest.fixture
def other() -> Iterator[int]:
    """Another thread."""
    over = threading.Event()
    thread = threading.Thread(target=over.wait)
    thread.start()
    assert thread.native_id is not None
    yield thread.native_id
    over.set()
    thread.join()


@pytest.fixture
def process() -> Iterator[int]:
    """Another process."""
    with subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE) as child:
        yield child.pid


def eventually(happened: Callable[[], bool]) -> bool:
    until = time.monotonic() + PATIENCE
    while not (found := happened()) and time.monotonic() < until:
        time.sleep(0.01)
    return found


def affinity_of_a_child() -> int:
    return int(subprocess.run([sys.executable, "-c", ASK], capture_output=True, check=True).stdout)


def test_every_thread_keeps_to_one_core_until_it_is_let_go(cores: list[Core], other: int) -> None:
    assert cores[0].take({})
    assert os.sched_getaffinity(0) == os.sched_getaffinity(other) == {cores[0].number}
    cores[0].let_go()
    assert os.sched_getaffinity(0) == os.sched_getaffinity(other) == ALL


def test_the_idlest_core_is_taken(cores: list[Core]) -> None:
    idlest = max(ALL)
    assert cores[0].take({number: float(number) for number in ALL})
    assert cores[0].number == idlest


def test_each_worker_of_a_machine_has_a_core_of_its_own_and_one_too_many_has_none(cores: list[Core]) -> None:
    assert [core.take({}) for core in cores] == [True] * len(ALL) + [False]
    assert {core.number for core in cores[:-1]} == ALL
    cores[0].let_go()
    assert cores[-1].take({})


def test_who_roams_is_not_held_nor_is_what_it_starts(cores: list[Core], other: int) -> None:
    core = cores[0]
    core.take({})
    with core.roaming():
        with core.roaming():
            assert os.sched_getaffinity(0) == ALL
        assert affinity_of_a_child() == len(ALL)
        assert os.sched_getaffinity(other) == {core.number}
    assert os.sched_getaffinity(0) == {core.number}


def test_who_roams_as_a_core_is_taken_is_held_afterwards(cores: list[Core]) -> None:
    core = cores[0]
    with core.roaming():
        core.take({})
        assert os.sched_getaffinity(0) == ALL
    assert os.sched_getaffinity(0) == {core.number}


def test_nothing_is_held_where_nobody_took_a_core() -> None:
    with Core().roaming():
        assert os.sched_getaffinity(0) == ALL
    assert os.sched_getaffinity(0) == ALL


def test_where_nobody_may_choose_nobody_is_held_and_nothing_fails(
    cores: list[Core], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refused(*_: object) -> None:
        raise PermissionError("Operation not permitted")

    monkeypatch.setattr(os, "sched_setaffinity", refused)
    assert not cores[0].take({})
    assert cores[0].number is None
    with cores[0].roaming():
        pass


def test_a_core_that_is_taken_away_fails_nobody_who_roams(cores: list[Core], monkeypatch: pytest.MonkeyPatch) -> None:
    """As when a container's cores change while a plain task is at work."""
    core, done = cores[0], False
    core.take({})
    setting = os.sched_setaffinity

    def without_it(thread: int, to: set[int]) -> None:
        if to == {core.number}:
            raise OSError(22, "Invalid argument")
        setting(thread, to)

    monkeypatch.setattr(os, "sched_setaffinity", without_it)
    with core.roaming():
        done = True
    assert done
    assert not core._roaming


def test_other_cores_than_at_the_start_are_followed(cores: list[Core], monkeypatch: pytest.MonkeyPatch) -> None:
    """The thread that looks is held by nobody, so that it sees them."""
    monkeypatch.setattr(module, "_LOOK", 0.001)
    core = cores[0]
    core.keep()
    assert eventually(lambda: core.number is not None)
    assert core._looker is not None
    assert core._looker.native_id is not None
    left = {max(ALL)}
    os.sched_setaffinity(core._looker.native_id, left)  # as the system does it
    assert eventually(lambda: {core.number} == core._allowed == left)
    with core.roaming():
        assert os.sched_getaffinity(0) == left
    os.sched_setaffinity(core._looker.native_id, ALL)
    assert eventually(lambda: core._allowed == ALL)


def test_a_number_that_was_a_threads_and_is_another_processes_now_is_left_alone(
    cores: list[Core], other: int, process: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Python forgets no thread that a library started and that has used `threading`."""
    stale = next(thread for thread in threading.enumerate() if thread.native_id == other)
    monkeypatch.setattr(stale, "_native_id", process)
    cores[0].take({})
    assert os.sched_getaffinity(process) == ALL


def test_a_child_that_is_forked_has_no_core_and_keeps_nobodys(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", FORK, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == [str(len(ALL)), "True"]


def test_the_first_thread_of_a_forked_process_is_held_as_the_others_are(tmp_path: Path) -> None:
    done = subprocess.run([sys.executable, "-c", TAKE, str(tmp_path)], capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["True", "True"]


@pytest.mark.parametrize(
    ("own", "idle", "expected"),
    [
        (1.0, {0: 0.0, 1: 1.8}, True),
        (1.0, {0: 0.0, 1: 0.4}, False),
        (1.0, {0: 0.3, 1: 1.8}, False),
        (1.9, {0: 0.0, 1: 1.8}, False),
        (0.0, {0: 2.0, 1: 2.0}, False),
        (1.0, {0: 0.0}, False),
    ],
    ids=["shared", "nowhere is room", "it is not full", "we alone fill it", "nobody does anything", "the only one"],
)
def test_a_core_is_shared_where_others_fill_it_while_another_has_room(
    own: float, idle: dict[int, float], *, expected: bool
) -> None:
    assert shared(0, Usage(2.0, own, idle), {0, 1}) is expected


def test_a_shared_core_is_let_go_and_tried_again_later(cores: list[Core], monkeypatch: pytest.MonkeyPatch) -> None:
    """By a clock of the test's: two seconds for each look, three minutes before the last one."""
    monkeypatch.setattr(module, "_LOOK", 0.001)
    core, first = cores[0], min(ALL)
    seen: list[int | None] = []
    over = threading.Event()

    def idle(of_first: float) -> dict[int, float]:
        return {number: of_first if number == first else 1.9 * len(looks) for number in ALL}

    looks: list[Usage] = []

    def look() -> Usage:
        seen.append(core.number)
        if len(looks) == 7:
            core._over.set()
            over.set()
        at = 2.0 * len(looks) + (180.0 if len(looks) > 4 else 0.0)
        # the first core is the idlest at first, and full from then on; this process has half of it
        looks.append(Usage(at, 1.0 * len(looks), idle(1.99 * min(len(looks), 1))))
        return looks[-1]

    core.keep(look)
    assert over.wait(PATIENCE)
    assert seen[:2] == [None, None]
    assert seen[2:4] == [first, first]  # it is seen to be full while it is held, and once more
    assert seen[4] is None
    assert seen[6] not in {None, first}


def test_a_machine_that_does_not_say_what_is_used_holds_nobody(cores: list[Core]) -> None:
    def look() -> Usage:
        raise PermissionError("no /proc here")

    cores[0].keep(look)
    for thread in threading.enumerate():
        if thread.name == "core":
            thread.join(PATIENCE)
    assert cores[0].number is None


def test_what_the_machine_says_is_read() -> None:
    before = module.used()
    while (lately := module.used().since(before)).own < 0.05:
        pass
    assert 0.05 <= lately.own <= lately.at * len(ALL)
    assert set(lately.idle) >= ALL
