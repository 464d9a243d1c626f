"""Lockgate, told to die: workers, callers, sweeps and an operator end at each crash point again and again.

What is cheap to begin again dies most: a pool's forked child, a caller and a sweep that are forked from a process which has
imported everything. So hundreds of deaths cost minutes. The pool of threads dies as a whole, and more rarely.
"""

import multiprocessing
import sys
import threading
from collections.abc import Callable, Sequence
from multiprocessing.connection import Connection
from typing import Any

from config import crashpoint
from soak.deaths import FILE
from soak.faults import PLANNED
from soak.place import Place
from soak.subject import files, lockgate
from soak.wishes import Wish

POINTS = tuple(point for point in crashpoint.POINTS if not point.startswith("run."))  # nobody orders runs here
DIES = crashpoint.EXIT_CODE
WORKERS = {"worker-1": ("threads", 12), "worker-2": ("prefork", 5), "worker-3": ("prefork", 5)}
HELPERS = {
    name: [sys.executable, "-m", f"soak.subject.{module}"]
    for name, module in (("sweeper-1", "sweeper"), ("sweeper-2", "sweeper"), ("operator", "person"))
}
ROOM = 150  # fewer than elsewhere: here a hint is lost every moment
#: Permanent refusals are played more often than other faults: only what had no effect is requeued.
FAULTS = (*PLANNED, "F21", "F21", "F21")
_DEADLINE = "4h"
_OF_A_CALLER = ("accept.before_commit", "accept.after_commit", "hint.before_publish", "hint.after_publish")
#: A place that stands there more often is drawn more often: some come by seldom, and callers die at hints as well.
_OF_A_SWEEP = (
    *(point for point in POINTS if point.startswith(("sweep.", "hint."))),
    *(point for point in POINTS if point.startswith("sweep.")), "sweep.after_mark", "sweep.after_mark",
)  # fmt: skip
_OF_AN_OPERATOR = tuple(point for point in POINTS if point.startswith("requeue."))
_OF_A_CALL = tuple(point for point in POINTS if point.startswith(("claim.", "call.", "record.")))
_SELDOM = tuple(point for point in POINTS if point.startswith(("inquiry.", "follow.")))
_EXPIRED, _FOLLOWED = 7, 4  # of what is asked for each so many-th expires before its time, or is followed by a task


class CallerDiedError(Exception):
    """The process that asked is dead, and nobody knows what became of it."""


UNSURE = (*lockgate.UNSURE, CallerDiedError)
terms, worker, states, dump = lockgate.terms, lockgate.worker, lockgate.states, lockgate.dump
_callers = threading.local()


def prepare(place: Place, say: Callable[[str], None]) -> dict[str, str]:
    """As ever, but with time: here trouble does not end before a deadline of minutes."""
    environment = lockgate.prepare(place, say)
    files.patient(place.folder, _DEADLINE)
    return environment


def arms(place: Place, name: str) -> dict[str, str]:
    """Where the processes of that name die; each draws one place, and after how many times it dies there."""
    if name == "client":
        orders = f"{'|'.join(_OF_A_CALLER)}:1-20"
    elif name.startswith("sweeper"):
        orders = f"{'|'.join(_OF_A_SWEEP)}:1-4"
    elif name == "operator":
        orders = f"{'|'.join(_OF_AN_OPERATOR)}:1-2"
    elif WORKERS[name][0] == "threads":
        orders = f"{'|'.join((*_OF_A_CALL, *_SELDOM))}:60-200"
    else:
        orders = f"{'|'.join(_OF_A_CALL)}:1-8,{'|'.join(_SELDOM)}:1-2"
    return {crashpoint.AT: orders, crashpoint.LOG: str(place.folder / FILE)}


def ask(wishes: Sequence[Wish]) -> list[str]:
    """Have a caller ask, in a process of its own; the next one is forked when it has died.

    Raises:
        CallerDiedError: it died.
    """
    caller: Caller | None = getattr(_callers, "mine", None)
    if caller is None:
        caller = _callers.mine = Caller()
    try:
        return caller.ask(wishes)
    except (EOFError, OSError):
        _callers.mine = None
        raise CallerDiedError from None


class Caller:
    """A process that asks, forked from one that has imported everything and is armed anew with each."""

    def __init__(self) -> None:
        context = multiprocessing.get_context("forkserver")
        context.set_forkserver_preload(["soak.subject.crashing", "soak.subject.tasks", "tasks.payments", "tasks.mail"])
        self._line, theirs = context.Pipe()
        context.Process(target=_serve, args=(theirs,), daemon=True).start()
        theirs.close()

    def ask(self, wishes: Sequence[Wish]) -> list[str]:
        """Have it ask.

        Raises:
            EOFError: it died.
            Exception: what it met.
        """
        self._line.send(list(wishes))
        told = self._line.recv()
        if isinstance(told, Exception):
            raise told
        tickets: list[str] = told
        return tickets


def _serve(line: "Connection[Any, Any]") -> None:
    """Ask for whatever comes."""
    while True:
        try:
            wishes = line.recv()
        except EOFError:
            return
        try:
            line.send(_ask(wishes))
        except lockgate.UNSURE as error:
            line.send(type(error)(str(error)))


def _ask(wishes: Sequence[Wish]) -> list[str]:
    """Ask as ever, or so that it expires before it is due, or so that a task follows its end."""
    from soak.subject.tasks import noted  # noqa: PLC0415  it reads the environment

    if len(wishes) == 1 and wishes[0].number % _EXPIRED == 0:
        return [_apply(wishes[0], countdown=20, expires=1)]
    if len(wishes) == 1 and wishes[0].number % _FOLLOWED == 0:
        return [_apply(wishes[0], link=noted.si())]
    return lockgate.ask(wishes)


def _apply(wish: Wish, **options: Any) -> str:
    task = lockgate.task_of(wish.kind)
    ticket: str = task.apply_async(kwargs=wish.fields | {"tenant": wish.tenant}, **options).id
    return ticket
