"""The plain provider's front: credentials, routing, and its few endpoints."""

import json
from collections.abc import Callable
from functools import partial

from sandbox.effects import OUR_KEY, effect
from sandbox.journal import Journal, Json
from sandbox.names import Names
from sandbox.plain.errors import problem, trouble
from sandbox.provider import Call, Done, Manner, RefusedError, Work, carried_out
from sandbox.wire.answer import Answer, in_json
from sandbox.wire.request import Request
from sandbox.wire.routes import Routes

Endpoint = Callable[[Call], Work]
FIXED = ("id", "owner", "status", "made_at")


class Plain:
    """A provider with a unique field of our choice (things), and with nothing at all (pings)."""

    name = "plain"

    def __init__(self, journal: Journal, names: Names) -> None:
        self._journal = journal
        self._names = names
        self._things: dict[str, Json] = {}
        self._routes = Routes[Endpoint](
            [
                ("POST", "/things", self._make),
                ("GET", "/things/{reference}", self._find),
                ("POST", "/pings", self._ping),
                ("GET", "/me", lambda call: lambda: Done(in_json(200, {"account": call.account}))),
            ]
        )
        journal.follow("object", self._take)

    def token(self, request: Request) -> str:
        """Return the bearer token."""
        scheme, _, value = request.header("authorization").partition(" ")
        return value.strip() if scheme.lower() == "bearer" else ""

    def business(self, request: Request) -> str | None:
        """Return our key, or the reference that stands for it."""
        if request.method == "POST":
            return _ours(_body(request.body) or {})
        reference = request.path.removeprefix("/things/")
        if reference == request.path:
            return None
        return _ours(self._things.get(reference, {"reference": reference}))

    async def answer(self, call: Call, manner: Manner) -> Answer:
        """Do the work, whatever was done before."""
        try:
            return await carried_out(self._prepared(call), manner, self._journal)
        except RefusedError as refused:
            await manner.pause()
            return refused.answer

    def complain(self, kind: str, call: Call, **facts: object) -> Answer:
        """Return a trouble in the plain provider's words."""
        return trouble(kind, account=call.account, **facts)

    def _prepared(self, call: Call) -> Work:
        found = self._routes.find(call.request.method, call.request.path)
        if found is None:
            raise RefusedError(self.complain("unrouted", call))
        endpoint, names = found
        return endpoint(call.named(names))

    def _make(self, call: Call) -> Work:
        wish = _wish(call, "reference")
        return partial(self._made, call, wish)

    def _made(self, call: Call, wish: Json) -> Done:
        if there := self._things.get(wish["reference"]):
            return Done(problem(409, "exists", id=there["id"], owner=there["owner"]))
        given = {name: value for name, value in wish.items() if name not in FIXED}
        made = {"id": self._names.make("th"), "owner": call.account, "status": "done"}
        thing = given | made | {"made_at": self._journal.clock.wall()}
        put = {"event": "object", "provider": "plain", "kind": "thing", "facts": thing}
        return Done(in_json(201, thing), (put, _effect("thing", call, wish, thing["id"])))

    def _find(self, call: Call) -> Work:
        def work() -> Done:
            thing = self._things.get(call.names["reference"])
            if thing and self._journal.clock.wall() - thing["made_at"] >= call.blind:
                return Done(in_json(200, thing))
            return Done(problem(404, "not_found"))

        return work

    def _ping(self, call: Call) -> Work:
        wish = _wish(call, "to")
        name = self._names.make("pg")
        return lambda: Done(in_json(202, {"accepted": True}), (_effect("ping", call, wish, name),))

    def _take(self, event: Json) -> None:
        if event["provider"] == "plain":
            self._things[event["facts"]["reference"]] = event["facts"]


def _effect(name: str, call: Call, wish: Json, reference: str) -> Json:
    given = wish.get("metadata")
    metadata = given if isinstance(given, dict) else {}
    done = effect(name, provider="plain", reference=reference, tenant=call.tenant, metadata=metadata)
    return done | {"business": _ours(wish)}


def _wish(call: Call, needed: str) -> Json:
    wish = _body(call.request.body)
    if wish is None or not isinstance(wish.get(needed), str) or not wish[needed]:
        raise RefusedError(problem(422, "invalid", field=needed))
    return wish


def _body(body: bytes) -> Json | None:
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _ours(wish: Json) -> str | None:
    metadata = wish.get("metadata")
    within = metadata.get(OUR_KEY) if isinstance(metadata, dict) else None
    ours = within or wish.get(OUR_KEY) or wish.get("reference")
    return ours if isinstance(ours, str) else None
