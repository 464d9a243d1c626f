"""Notes when this process stood still: what was read then bears the time at which it was read, and had come before."""

import asyncio

from sandbox.journal import Journal

STALLED = "stalled"
_BEAT = 0.02  # seconds
_LATE = 0.1  # seconds; what is shorter, a caller's margin for the way must bear


async def keep(journal: Journal) -> None:
    """Write a `stalled` event for each standstill once it has been made up for, until cancelled."""
    mono = journal.clock.mono
    last, stood_since = mono(), None
    while True:
        await asyncio.sleep(_BEAT)
        late = (now := mono()) - last - _BEAT
        if stood_since is None and late > _LATE:
            stood_since = last
        elif stood_since is not None and late < _BEAT:
            journal.append({"event": STALLED, "since": stood_since, "until": now})
            stood_since = None
        last = now
