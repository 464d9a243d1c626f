"""The parent of a family: who is replaced and when, what reaches whom, and with which code it ends."""

import os
import pty
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from given.deployment import eventually

from tasks import supervisor
from tasks.supervisor import REFUSED, Seat, Supervisor

#: Forks a child for each of its arguments, which is a piece of Python, and becomes their supervisor.
FORK = """
import os, signal, sys
from tasks import supervisor
first, *pieces = sys.argv[1:]
supervisor.await_signals()
workers = {}
for number, piece in enumerate(pieces):
    pid = os.fork()
    if not pid:
        supervisor.belong_to(os.getppid())
        signal.pthread_sigmask(signal.SIG_UNBLOCK, supervisor.AWAITED)
        os.execv(sys.executable, [sys.executable, "-c", piece])
    workers[pid] = f"w{number}"
if os.environ.get("LATE"):
    os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOWAIT)
line = supervisor.command_line(sys.executable, workers, [sys.executable, "-c", first])
os.execv(line[0], line)
"""
UNTIL_TOLD = """
import signal
for number, code in ((signal.SIGTERM, 0), (signal.SIGQUIT, 3), (signal.SIGHUP, None)):
    signal.signal(number, lambda *_, code=code: print("heard", flush=True) if code is None else sys.exit(code))
import sys
print("waits", flush=True)
while True:
    signal.pause()
"""
SAYS_ITS_NAME = "import sys; print(*sys.argv[1:])"


class Family:
    """A supervisor with these children, and what they say."""

    def __init__(self, folder: Path, *pieces: str, replaced_by: str = SAYS_ITS_NAME, **environment: str) -> None:
        self.log = folder / "log"
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-c", FORK, replaced_by, *pieces],
                env=os.environ | environment, stdout=output, stderr=output, start_new_session=True,
            )  # fmt: skip

    def said(self, what: str, times: int = 1) -> None:
        eventually(lambda: self.log.read_text().count(what) == times)

    def code(self) -> int:
        return self.process.wait(400)


@pytest.fixture
def family(tmp_path: Path) -> Iterator[type[Family]]:
    made: list[Family] = []

    class Made(Family):
        def __init__(self, *pieces: str, **more: str) -> None:
            super().__init__(tmp_path, *pieces, **more)
            made.append(self)

    yield Made
    for one in made:
        if one.process.poll() is None:
            os.killpg(one.process.pid, signal.SIGKILL)
            one.process.wait()


def test_it_ends_with_its_children_and_without_complaint(family: type[Family]) -> None:
    one = family("", "pass")
    assert one.code() == 0
    assert one.log.read_text() == ""


def test_who_ended_before_it_began_is_noticed(family: type[Family]) -> None:
    one = family("", LATE="yes")
    assert one.code() == 0
    one = family("import sys; sys.exit(70)", LATE="yes")
    assert one.code() == 0
    assert "ended with code 70" in one.log.read_text()


def test_who_is_cut_off_by_a_second_sighup_while_it_begins_anew_is_replaced(family: type[Family]) -> None:
    one = family("import os, signal; os.kill(os.getpid(), signal.SIGHUP)")
    assert one.code() == 0
    assert "was killed by SIGHUP" in one.log.read_text()


def test_what_whoever_started_it_ignores_reaches_each_all_the_same(family: type[Family]) -> None:
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        one = family(UNTIL_TOLD)
    finally:
        signal.signal(signal.SIGHUP, before)
    one.said("waits")
    os.kill(one.process.pid, signal.SIGHUP)
    one.said("heard")
    os.kill(one.process.pid, signal.SIGTERM)
    assert one.code() == 0


def test_who_is_killed_by_a_signal_without_a_name_is_replaced(family: type[Family]) -> None:
    one = family("import os; os.kill(os.getpid(), 40)")
    assert one.code() == 0
    assert "was killed by signal 40" in one.log.read_text()


def test_when_its_terminal_goes_away_all_end() -> None:
    waits = "import signal; signal.signal(signal.SIGUSR1, lambda *_: print('heard', flush=True)); print('waits', flush=True)"
    pid, terminal = pty.fork()
    if not pid:
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests may have asked to be left alone
        piece = f"{waits}\nwhile True: signal.pause()"
        os.execv(sys.executable, [sys.executable, "-c", FORK, SAYS_ITS_NAME, piece])  # noqa: S606  no shell is wanted
    _until(terminal, b"waits")
    os.kill(pid, signal.SIGUSR1)
    _until(terminal, b"heard")
    (child,) = psutil.Process(pid).children()
    os.close(terminal)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 128 + signal.SIGHUP
    assert not child.is_running()


def _until(terminal: int, word: bytes) -> None:
    said = b""
    while word not in said:
        said += os.read(terminal, 1000)


def test_what_it_is_told_reaches_each(family: type[Family]) -> None:
    one = family(UNTIL_TOLD, UNTIL_TOLD)
    one.said("waits", 2)
    os.kill(one.process.pid, signal.SIGHUP)
    one.said("heard", 2)
    os.kill(one.process.pid, signal.SIGTERM)
    assert one.code() == 0


def test_a_second_signal_reaches_those_that_are_left_and_the_first_bad_code_is_its_own(family: type[Family]) -> None:
    stubborn = UNTIL_TOLD.replace("(signal.SIGTERM, 0)", "(signal.SIGTERM, None)")
    one = family(UNTIL_TOLD, stubborn)
    one.said("waits", 2)
    os.kill(one.process.pid, signal.SIGTERM)
    one.said("heard")
    os.kill(one.process.pid, signal.SIGQUIT)
    assert one.code() == 3


def test_who_dies_is_replaced_under_the_same_name(family: type[Family]) -> None:
    one = family("import os; os.kill(os.getpid(), 9)", LOCKGATE_LOG="plain")
    assert one.code() == 0
    told, replaced = one.log.read_text().splitlines()
    assert replaced == "-n w0"
    assert "warning  lockgate.workers: w0 (process " in told
    assert told.endswith("was killed by SIGKILL; another process, with memory of its own, takes its place in 1 s")


def test_who_ends_with_a_code_is_replaced_too_and_the_log_may_be_json(family: type[Family]) -> None:
    one = family("import sys; sys.exit(70)", LOCKGATE_LOG="json")
    assert one.code() == 0
    told = one.log.read_text().splitlines()[0]
    assert told.startswith('{"timestamp": "')
    assert "ended with code 70" in told


def test_one_that_never_got_ready_ends_all(family: type[Family]) -> None:
    one = family(f"import sys; sys.exit({REFUSED})", UNTIL_TOLD)
    assert one.code() == 1


def test_nobody_is_replaced_once_it_ends(family: type[Family]) -> None:
    one = family(UNTIL_TOLD, "import os; os.kill(os.getpid(), 9)", replaced_by="import time; time.sleep(400)")
    one.said("waits")
    one.said("takes its place")
    os.kill(one.process.pid, signal.SIGTERM)
    assert one.code() == 0


def test_it_imports_nothing_that_is_large() -> None:
    script = (
        f"exec(open({supervisor.__file__!r}).read(), {{'__name__': 'supervisor'}}); import sys; print(*sys.modules)"
    )
    said = subprocess.run([sys.executable, "-I", "-S", "-c", script], capture_output=True, text=True, check=True)
    assert not {"asyncio", "ctypes", "json", "logging", "re", "subprocess", "tasks", "threading", "typing"} & set(
        said.stdout.split()
    )


def test_the_sooner_one_dies_again_the_longer_the_next_one_waits() -> None:
    seat, now, pauses = Seat("w", 1, 0.0), 0.0, []
    for _ in range(8):
        seat.vacate(now + 0.1)
        pauses.append(seat.pause)
        now = seat.due
        seat.take(1, now)
    assert pauses == [1, 2, 4, 8, 16, 32, 60, 60]
    seat.vacate(now + 60.0)
    assert seat.pause == 1


def test_one_that_cannot_be_started_is_tried_again() -> None:
    said: list[str] = []
    started: list[str] = []

    def start(name: str) -> int:
        started.append(name)
        if len(started) == 1:
            raise OSError(12, "Cannot allocate memory")
        return 7

    seat = Seat("w", 1, 0.0)
    seat.vacate(0.0)
    supervising = Supervisor([seat], start, said.append)
    supervising._fill(0.5)
    assert not started
    supervising._fill(1.0)
    assert seat.pid is None
    (line,) = said
    assert line.startswith("w cannot be started (Cannot allocate memory); ")
    supervising._fill(seat.due)
    assert seat.pid == 7


def test_one_that_cannot_be_started_for_long_is_tried_seldom(monkeypatch: pytest.MonkeyPatch) -> None:
    now, seat = 1000.0, Seat("w", 1, 0.0)  # it had lived well
    monkeypatch.setattr(supervisor.time, "monotonic", lambda: now)

    def start(_: str) -> int:
        raise OSError(11, "Resource temporarily unavailable")

    seat.vacate(now)
    supervising, pauses = Supervisor([seat], start, lambda _: None), []
    for _ in range(7):
        now = seat.due
        supervising._fill(now)
        pauses.append(seat.pause)
    assert pauses == [2, 4, 8, 16, 32, 60, 60]
