"""The stand-in's front: credentials, routing, an idempotency layer where one is described, and things that are found."""

import contextlib
import json
from base64 import b64decode
from collections import defaultdict
from collections.abc import Iterator
from functools import partial
from typing import Any

from sandbox.effects import effect
from sandbox.journal import Journal, Json
from sandbox.keys import Keys, fingerprint
from sandbox.names import Names
from sandbox.plain.errors import problem, trouble
from sandbox.provider import Call, Done, Manner, RefusedError, Work, carried_out
from sandbox.settings import Settings
from sandbox.standin.description import Description, Make
from sandbox.stripe.form import decoded
from sandbox.wire.answer import Answer, in_json
from sandbox.wire.request import Request
from sandbox.wire.routes import Routes

Step = tuple[str, Make | None]  # make, show, list, or account


class StandIn:
    """A provider as a description says."""

    def __init__(self, description: Description, journal: Journal, names: Names, settings: Settings) -> None:
        self.name = description.name
        self._description = description
        self._journal = journal
        self._names = names
        self._settings = settings
        self._keys = Keys(journal, settings, provider=self.name)
        self._things: dict[tuple[str, str, str], list[Json]] = defaultdict(list)  # by effect, dotted name and value
        rows: list[tuple[str, str, Step]] = [("GET", description.account, ("account", None))]
        for make in description.makes:
            rows.append(("POST", make.path, ("make", make)))
            if make.find:
                rows.append(("GET", make.find, ("list" if make.find_by else "show", make)))
        self._routes = Routes[Step](rows)
        journal.follow("object", self._take)

    def token(self, request: Request) -> str:
        """Return the credential: the last word of its header, or the user name of a Basic one."""
        scheme, _, value = request.header(self._description.token.lower()).strip().rpartition(" ")
        if scheme.lower() == "basic":
            with contextlib.suppress(ValueError):
                return b64decode(value + "==").decode("latin-1").partition(":")[0]
        return value

    def business(self, request: Request) -> str | None:
        """Return our key: as it was sent, as it is asked for, or of the thing that the path names."""
        found = self._routes.find(request.method, request.path)
        if found is None:
            return None
        (step, make), names = found
        if make is None:
            return None
        if step == "make":
            return self._mark(make, request, _body(request) or {})
        if step == "list":
            ((asked, wanted),) = make.find_by.items()
            value = request.asked().get(asked)
            return value if wanted == make.mark else self._marked(make, wanted, value)
        name, value = next(iter(names.items()), ("", ""))
        return self._marked(make, make.id if name == "id" else name, value) or value or None

    async def answer(self, call: Call, manner: Manner) -> Answer:
        """Do the work; under an idempotency key that is known the first answer is given again."""
        try:
            found = self._routes.find(call.request.method, call.request.path)
            if found is None:
                raise RefusedError(self.complain("unrouted", call))  # noqa: TRY301  one way out
            (step, make), names = found
            work = self._work(step, make, call.named(names))
            header = make.key.lower() if make is not None and step == "make" else ""
            return await self._once(call, call.request.header(header) if header else "", work, manner)
        except RefusedError as refused:
            await manner.pause()
            return refused.answer

    def complain(self, kind: str, call: Call, **facts: object) -> Answer:
        """Return a trouble, in the words of the plain provider."""
        return trouble(kind, account=call.account, **facts)

    async def _once(self, call: Call, key: str, work: Work, manner: Manner) -> Answer:
        if not key:
            return await carried_out(work, manner, self._journal)
        slot = (call.account, key)
        if self._keys.executing(slot):
            raise RefusedError(self.complain("in_progress", call))
        if saved := self._keys.find(slot):
            await manner.pause()
            return (
                self._keys.replay(saved) if saved.fingerprint == fingerprint(call) else self.complain("mismatch", call)
            )
        with self._keys.execute(slot):
            await manner.pause()
            done = manner.twist(work)()
            # Effect and saved answer are one batch: no kill can keep the one and lose the other.
            self._journal.append(*done.events, self._keys.saved(slot, call, done))
        return done.answer

    def _work(self, step: str, make: Make | None, call: Call) -> Work:
        if make is None:
            return lambda: Done(in_json(200, {"account": call.account}))
        if step == "make":
            wish = _body(call.request)
            if wish is None:
                raise RefusedError(problem(422, "invalid"))
            for needed in filter(None, (make.unique, make.mark)):
                if not isinstance(_at(wish, needed), str) or not _at(wish, needed):
                    raise RefusedError(problem(422, "invalid", field=needed))
            return partial(self._made, make, call, wish)
        return partial(self._listed if step == "list" else self._shown, make, call)

    def _made(self, make: Make, call: Call, wish: Json) -> Done:
        if make.unique and (there := self._things.get((make.effect, make.unique, _at(wish, make.unique)))):
            return Done(problem(409, "exists", id=_at(there[0], make.id), owner=there[0]["owner"]))
        name = self._names.make(make.effect[:2])
        thing = _with(wish | {"owner": call.account, "made_at": self._journal.clock.wall()}, make.id, name)
        put = {"event": "object", "provider": self.name, "kind": make.effect, "facts": thing}
        mark = self._mark(make, call.request, wish)
        done = effect(make.effect, provider=self.name, reference=name, tenant=call.tenant, metadata=_texts(wish))
        return Done(in_json(make.status, thing), (put, done | {"business": mark}))

    def _shown(self, make: Make, call: Call) -> Done:
        for name, value in call.names.items():
            for thing in self._seen(make, make.id if name == "id" else name, value, call, call.blind):
                return Done(in_json(200, thing))
        return Done(problem(404, "not_found"))

    def _listed(self, make: Make, call: Call) -> Done:
        ((asked, wanted),) = make.find_by.items()
        lag = max(call.blind, self._settings.search_lag)
        found = list(self._seen(make, wanted, call.request.asked().get(asked, ""), call, lag))
        return Done(in_json(200, _with({}, make.list, found)))

    def _seen(self, make: Make, wanted: str, value: str, call: Call, lag: float) -> Iterator[Json]:
        """Yield what is old enough to be seen: by its own account, and by all where a value is unique in all of it."""
        for thing in self._things.get((make.effect, wanted, value), ()):
            ours = make.unique or thing["owner"] == call.account
            if ours and self._journal.clock.wall() - thing["made_at"] >= lag:
                yield thing

    def _mark(self, make: Make, request: Request, wish: Json) -> str | None:
        found = _at(wish, make.mark) if make.mark else request.header(make.key.lower()) if make.key else None
        found = found or (_at(wish, make.unique) if make.unique else None)
        return found if isinstance(found, str) and found else None

    def _marked(self, make: Make, wanted: str, value: str | None) -> str | None:
        things = self._things.get((make.effect, wanted, value or ""))
        found = _at(things[0], make.mark) if things and make.mark else None
        return found if isinstance(found, str) else None

    def _take(self, event: Json) -> None:
        if event["provider"] == self.name:
            thing = event["facts"]
            for name, value in _texts(thing).items():
                self._things[event["kind"], name, value].append(thing)


def _body(request: Request) -> Json | None:
    """The body as a table: JSON, or a form."""
    if request.header("content-type").startswith("application/x-www-form-urlencoded"):
        return decoded(request.text())
    try:
        value = json.loads(request.body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None


def _at(value: Any, dotted: str) -> Any:
    """What stands under a dotted name; None where there is nothing."""
    for part in dotted.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value


def _with(table: Json, dotted: str, value: object) -> Json:
    """The table with a value under a dotted name."""
    first, _, rest = dotted.partition(".")
    inner = table.get(first)
    return table | {first: _with(inner if isinstance(inner, dict) else {}, rest, value) if rest else value}


def _texts(table: Json) -> dict[str, str]:
    """Every text in a table, by its dotted name."""
    return dict(_walk(table, ""))


def _walk(table: Json, before: str) -> Iterator[tuple[str, str]]:
    for name, value in table.items():
        if isinstance(value, str):
            yield before + name, value
        elif isinstance(value, dict):
            yield from _walk(value, f"{before}{name}.")
