"""Notes when this process stood still: what was read then bears the time at which it was read, and had come before."""

import asyncio

from sandbox.journal import Journal

STALLED = "stalled"
_BEAT = 0.02  # seconds
_LATE = 0.1  # seconds; what is shorter, a caller's margin for the way must bear
_READING = 2  # beats after a late one in which what had come meanwhile may still be read


async def keep(journal: Journal, *, born: float) -> None:
    """Write a `stalled` event for each beat that comes late, and for those in which the rest is read, until cancelled.

    `born` is the clock's reading of before the first port was open: who stops between that and here stood still as well.
    """
    mono = journal.clock.mono
    last, since, began, reading = born, 0.0, 0.0, 0
    while True:
        await asyncio.sleep(_BEAT)
        now = mono()
        if now - last - _BEAT > _LATE:
            since, began, reading = (began if reading else last), last, 1 + _READING
        if reading:
            journal.append({"event": STALLED, "since": since, "until": now})
            reading -= 1
        last = now
