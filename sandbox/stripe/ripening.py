"""Lets payments that are processing come to their end, in their time and over a restart."""

import asyncio

from sandbox.journal import Journal, Json
from sandbox.stripe.context import Context
from sandbox.stripe.objects import Intent
from sandbox.stripe.outcomes import PROCESSING
from sandbox.stripe.payments import ripened, steps


class Ripening:
    """Watches for intents that are due to change by themselves."""

    def __init__(self, journal: Journal, context: Context) -> None:
        self._journal = journal
        self._context = context
        journal.follow("object", self._take)

    def _take(self, event: Json) -> None:
        due = event["facts"].get("ripens_at")
        if due is not None:
            wait = max(0.0, due - self._context.clock.wall())
            asyncio.get_running_loop().call_later(wait, self._ripen, event["facts"]["id"])

    def _ripen(self, name: str) -> None:
        intent = self._context.shelf.get(name)
        if isinstance(intent, Intent) and intent.status == PROCESSING:
            self._journal.append(*steps(intent, ripened(intent), self._context, None))
