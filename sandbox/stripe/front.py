"""Stripe's front: credentials, routing, the idempotency layer, and what every answer carries."""

import contextlib
import re
from base64 import b64decode
from dataclasses import replace
from urllib.parse import unquote_plus

from sandbox.effects import OUR_KEY
from sandbox.journal import Journal
from sandbox.keys import Keys, fingerprint
from sandbox.names import Names
from sandbox.provider import Call, Manner, RefusedError, Work, carried_out
from sandbox.settings import Settings
from sandbox.stripe.context import Context
from sandbox.stripe.errors import INVALID, problem, trouble
from sandbox.stripe.form import decoded
from sandbox.stripe.ripening import Ripening
from sandbox.stripe.routes import routes
from sandbox.stripe.shapes import VERSION
from sandbox.stripe.shelf import Shelf
from sandbox.wire.answer import Answer
from sandbox.wire.request import Request

FORM = "application/x-www-form-urlencoded"
LONGEST_KEY = 255
ID_PLACE = 3  # in /v1/payment_intents/pi_…
OURS_IN_QUERY = re.compile(rf"""metadata\[["']{OUR_KEY}["']\]\s*:\s*["']([^"']*)["']""")


class Stripe:
    """The stand-in for api.stripe.com."""

    name = "stripe"

    def __init__(self, journal: Journal, names: Names, settings: Settings) -> None:
        self._journal = journal
        self._shelf = Shelf(journal, names)
        self._keys = Keys(journal, settings, provider=self.name)
        context = Context(self._shelf, names, settings, journal.clock)
        self._ripening = Ripening(journal, context)
        self._routes = routes(context)

    def token(self, request: Request) -> str:
        """Return the key: as Bearer, or as the user name of Basic."""
        scheme, _, value = request.header("authorization").partition(" ")
        if scheme.lower() == "bearer":
            return value.strip()
        if scheme.lower() == "basic":
            with contextlib.suppress(ValueError):
                return b64decode(value + "==").decode("latin-1").partition(":")[0]
        return ""

    def business(self, request: Request) -> str | None:
        """Return our key: from the metadata sent or asked for, else from the object that the path names."""
        if request.method == "POST":
            sent = decoded(request.text()).get("metadata")
            if isinstance(sent, dict) and sent.get(OUR_KEY):
                return str(sent[OUR_KEY])
        if asked := OURS_IN_QUERY.search(unquote_plus(request.query)):
            return asked[1]
        parts = request.path.split("/")
        kept = self._shelf.get(parts[ID_PLACE]) if len(parts) > ID_PLACE else None
        return kept.metadata.get(OUR_KEY) if kept else None

    async def answer(self, call: Call, manner: Manner) -> Answer:
        """Answer as Stripe does: validation first, then the idempotency layer, then the work."""
        call = replace(call, account=call.request.header("stripe-account") or call.account)
        try:
            call, work = self._prepared(call)
            answer = await self._once(call, work, manner)
        except RefusedError as refused:
            await manner.pause()
            answer = refused.answer
        return _signed(call, answer)

    def complain(self, kind: str, call: Call, **facts: object) -> Answer:
        """Return a trouble in Stripe's envelope."""
        return _signed(call, trouble(kind, call, **facts))

    def _prepared(self, call: Call) -> tuple[Call, Work]:
        """Return the work that a request asks for; raises for one that is not valid."""
        request = call.request
        if len(request.header("idempotency-key")) > LONGEST_KEY:
            message = f"Idempotency keys can have up to {LONGEST_KEY} characters."
            raise RefusedError(problem(call, 400, INVALID, message))
        if request.body and not request.header("content-type").startswith(FORM):
            raise RefusedError(problem(call, 400, INVALID, f"Invalid request: the content type must be {FORM}."))
        found = self._routes.find(request.method, request.path)
        if found is None:
            raise RefusedError(trouble("unrouted", call))
        endpoint, names = found
        call = call.named(names)
        return call, endpoint(call)

    async def _once(self, call: Call, work: Work, manner: Manner) -> Answer:
        key = call.request.header("idempotency-key")
        if not key or call.request.method != "POST":
            return await carried_out(work, manner, self._journal)
        slot = (call.account, key)
        if self._keys.executing(slot):
            raise RefusedError(trouble("in_progress", call))
        if saved := self._keys.find(slot):
            await manner.pause()
            return self._keys.replay(saved) if saved.fingerprint == fingerprint(call) else trouble("mismatch", call)
        with self._keys.execute(slot):
            await manner.pause()
            done = manner.twist(work)()
            # Effect and saved answer are one batch: no kill can keep the one and lose the other.
            self._journal.append(*done.events, self._keys.saved(slot, call, done))
        return done.answer


def _signed(call: Call, answer: Answer) -> Answer:
    """Return the answer with the headers that Stripe puts on each."""
    given = {name for name, _ in answer.headers}
    asked = call.request.header("stripe-version") or VERSION
    ours = (("Request-Id", call.request_id), ("Stripe-Version", asked))
    return replace(answer, headers=(*answer.headers, *(row for row in ours if row[0] not in given)))
