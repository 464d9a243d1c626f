"""Opens and shuts the providers' ports as the outages demand."""

import asyncio
import contextlib
from collections.abc import Mapping

from sandbox.faults.outages import Outages
from sandbox.wire.listener import Listener

LONGEST = 3600.0


class Doors:
    """Keeps every port as the outages want it, now and at each coming change."""

    def __init__(self, listeners: Mapping[str, Listener], outages: Outages) -> None:
        self._listeners = listeners
        self._outages = outages
        self._changed = asyncio.Event()
        self._turn = asyncio.Lock()

    def notice(self) -> None:
        """Have the ports looked at soon."""
        self._changed.set()

    async def obey(self) -> None:
        """Bring every port into the state that it should be in; done when it returns."""
        async with self._turn:
            for name, listener in self._listeners.items():
                if self._outages.shut(name):
                    listener.shut()
                else:
                    await listener.listen()

    async def keep(self) -> None:
        """Obey at each change, until cancelled."""
        while True:
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(min(self._outages.seconds_to_change(), LONGEST)):
                    await self._changed.wait()
            self._changed.clear()
            await self.obey()
