"""The parent of a family of workers: it passes signals on, replaces who died, and is as small as Python can be.

`tasks.family` forks the workers and then replaces itself by this file, so that they stay this process's children, and what
it had imported for them is theirs alone. It is run by its path, without what is installed: every module that it imports
costs memory for as long as the workers live, and so it imports nothing of ours.

Its signals are blocked, by who started it already, and waited for one after the other: none comes in between.
"""

import os
import signal
import sys
import time
from collections.abc import Callable, Sequence

#: What reaches every worker; SIGUSR1 lets Celery log where each thread is.
PASSED_ON = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT, signal.SIGHUP, signal.SIGUSR1)
AWAITED = (*PASSED_ON, signal.SIGCHLD)
#: The exit code of a forked worker that never got ready: what it refuses, its siblings refuse too.
REFUSED = os.EX_CONFIG

_ENDING = (signal.SIGTERM, signal.SIGINT, signal.SIGQUIT)
_TYPED = (signal.SIGINT, signal.SIGQUIT)  # by a terminal these reach its whole foreground, and SIGHUP its first process
_TOLD_TO_END = (0, -signal.SIGTERM, -signal.SIGINT)  # by a signal: before Celery had its own handlers
_FIRST, _LONGEST = 1.0, 60.0  # seconds before who died is replaced: the first time, and at most
_WELL = 60.0  # seconds after which a death begins to count anew
_SI_KERNEL = 0x80  # siginfo.h: the terminal's
_PR_SET_PDEATHSIG = 1  # linux/prctl.h

Start = Callable[[str], int]
Say = Callable[[str], None]


class Seat:
    """A worker's place in the family.

    Args:
        name: the worker's node name, whichever process it is.
        pid: of the process that has the place.
        now: monotonic seconds, as all times here.
    """

    __slots__ = ("due", "name", "pause", "pid", "since")

    def __init__(self, name: str, pid: int, now: float) -> None:
        self.name = name
        self.pid: int | None = pid
        self.since = now
        self.pause = 0.0
        self.due = 0.0

    def vacate(self, now: float) -> None:
        """Whoever had it died; the sooner it was, the longer the next one waits."""
        again = self.pause and now - self.since < _WELL
        self.pause = min(2 * self.pause, _LONGEST) if again else _FIRST
        self.pid, self.due = None, now + self.pause

    def take(self, pid: int, now: float) -> None:
        """Another process has it."""
        self.pid, self.since = pid, now


class Supervisor:
    """Lives as long as its workers do.

    Args:
        seats: one for each worker.
        start: starts a worker with this node name, and gives its pid; an OSError counts as a death.
        say: writes a line to the log.
    """

    def __init__(self, seats: Sequence[Seat], start: Start, say: Say) -> None:
        self._seats = list(seats)
        self._start = start
        self._say = say
        self._ending = False
        # At a terminal Celery leaves SIGHUP alone, and its worker dies of it; asked now, for one that is gone is none.
        self._ends_by = (*_ENDING, signal.SIGHUP) if os.isatty(1) else _ENDING
        self._code = 0

    def run(self) -> int:
        """Supervise until all have ended; 0 when all ended well, else the first code that was not 0."""
        self._reap()  # who died before we began: of them no signal tells us any more
        while self._seats:
            heard = self._wait()
            if heard is not None and heard.si_signo != signal.SIGCHLD:
                self._pass_on(heard)
            self._reap()
            self._fill(time.monotonic())
        return self._code

    def _wait(self) -> signal.struct_siginfo | None:
        due = [seat.due for seat in self._seats if seat.pid is None]
        if not due:
            return signal.sigwaitinfo(AWAITED)
        return signal.sigtimedwait(AWAITED, max(0.0, min(due) - time.monotonic()))

    def _pass_on(self, heard: signal.struct_siginfo) -> None:
        typed = heard.si_code == _SI_KERNEL and heard.si_signo in _TYPED
        if not typed:  # else they have it already: a second SIGINT would cut off what they have begun
            self._tell(heard.si_signo)
        if heard.si_signo in self._ends_by:
            self._end()

    def _tell(self, number: int) -> None:
        for seat in self._seats:
            if seat.pid is not None:
                os.kill(seat.pid, number)  # one that has ended, and was not waited for yet, is still there

    def _end(self) -> None:
        """Nobody is replaced any more."""
        self._ending = True
        self._seats = [seat for seat in self._seats if seat.pid is not None]

    def _reap(self) -> None:
        while True:
            try:
                pid, status = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            if not pid:
                return
            seat = next((seat for seat in self._seats if seat.pid == pid), None)
            if seat is not None:  # else somebody's orphan: in a container we may be process 1
                self._ended(seat, os.waitstatus_to_exitcode(status))

    def _ended(self, seat: Seat, code: int) -> None:
        if not self._ending and code not in {*_TOLD_TO_END, REFUSED}:
            how = f"ended with code {code}" if code > 0 else f"was killed by {_called(-code)}"
            self._vacate(seat, f"{seat.name} (process {seat.pid}) {how}")
            return
        self._seats.remove(seat)
        if code not in _TOLD_TO_END:
            self._code = self._code or {REFUSED: 1}.get(code, code if code > 0 else 128 - code)
        if code == REFUSED and not self._ending:  # a family begins whole, or not at all
            self._tell(signal.SIGTERM)
            self._end()

    def _vacate(self, seat: Seat, what: str) -> None:
        seat.vacate(time.monotonic())
        self._say(f"{what}; another process, with memory of its own, takes its place in {seat.pause:g} s")

    def _fill(self, now: float) -> None:
        for seat in self._seats:
            if seat.pid is None and seat.due <= now:
                try:
                    seat.take(self._start(seat.name), now)
                except OSError as error:  # no memory, or too many processes
                    seat.since = now  # it did not live at all
                    self._vacate(seat, f"{seat.name} cannot be started ({error.strerror})")


def _called(number: int) -> str:
    """A signal's name; those for real time have none."""
    return signal.Signals(number).name if number in set(signal.Signals) else f"signal {number}"


def await_signals() -> None:
    """Let them wait for the supervisor, before any child is there; one that is ignored, as some start us, would be lost.

    SIGHUP stays ignored at a terminal, where that has been asked for.
    """
    signal.pthread_sigmask(signal.SIG_BLOCK, AWAITED)
    for number in AWAITED:
        if number != signal.SIGHUP or not os.isatty(1):
            signal.signal(number, signal.SIG_DFL)


def belong_to(parent: int) -> None:
    """In a forked child: end as by SIGTERM when the parent has died, whatever it died of. It holds across an exec."""
    import ctypes  # noqa: PLC0415  the supervisor itself has no use for it

    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
    if os.getppid() != parent:  # it died before
        os.kill(os.getpid(), signal.SIGTERM)


def command_line(python: str, workers: dict[int, str], command: Sequence[str]) -> list[str]:
    """What the parent of these workers becomes.

    Args:
        python: the interpreter.
        workers: their node names by pid.
        command: starts one more, when `-n` and its node name follow.
    """
    return [python, "-I", "-S", __file__, *(f"{pid}={name}" for pid, name in workers.items()), "--", *command]


def main(arguments: Sequence[str]) -> int:
    """Supervise the workers of that command line; the exit code is `Supervisor.run`'s."""
    signal.pthread_sigmask(signal.SIG_BLOCK, AWAITED)
    cut = arguments.index("--")
    workers, command = [pair.partition("=") for pair in arguments[:cut]], arguments[cut + 1 :]
    seats = [Seat(name, int(pid), time.monotonic()) for pid, _, name in workers]
    return Supervisor(seats, lambda name: _started([*command, "-n", name]), _say).run()


def _started(command: list[str]) -> int:
    parent = os.getpid()
    pid = os.fork()
    if pid:
        return pid
    try:
        signal.pthread_sigmask(signal.SIG_UNBLOCK, AWAITED)
        belong_to(parent)
        os.execv(command[0], command)  # noqa: S606  no shell is wanted
    finally:
        os._exit(os.EX_UNAVAILABLE)


def _say(what: str) -> None:
    """A line like a worker's; config.logs would cost as much memory as all else here."""
    at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    line = f"{at} {'warning':<8} lockgate.workers: {what}"
    if os.environ.get("LOCKGATE_LOG") == "json":
        import json  # noqa: PLC0415  as above

        told = {"timestamp": at, "level": "warning", "logger": "lockgate.workers", "event": what}
        line = json.dumps(told, ensure_ascii=False)
    try:
        os.write(2, f"{line}\n".encode())
    except OSError:  # nobody reads it any more
        return


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
