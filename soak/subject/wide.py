"""Lockgate with limits so wide that permits are taken ahead (decision 0037): what limits count, fewer scripts see."""

from collections.abc import Callable

from soak.place import Place
from soak.subject import files, lockgate

ROOM, UNSURE = lockgate.ROOM, lockgate.UNSURE
ask, dump, operators, states = lockgate.ask, lockgate.dump, lockgate.operators, lockgate.states
terms, worker = lockgate.terms, lockgate.worker
_TIMES = 500  # thousands of calls a second


def prepare(place: Place, say: Callable[[str], None]) -> dict[str, str]:
    """As ever, but with room."""
    environment = lockgate.prepare(place, say)
    files.widen(place.folder, _TIMES)
    return environment
