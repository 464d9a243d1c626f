"""The control port's own provider: takes orders, and shows what the journal and its folds hold."""

import json
from collections.abc import Callable
from dataclasses import asdict

from sandbox.control.orders import ORDERS, BadOrderError
from sandbox.doors import Doors
from sandbox.faults.catalogue import printed
from sandbox.folds import Folds
from sandbox.journal import Journal, Json
from sandbox.wire.answer import Answer, in_json, rendered
from sandbox.wire.line import Line
from sandbox.wire.request import Request

Asked = dict[str, str]
PAGE = 1000


class Control:
    """Serves the control port."""

    def __init__(self, journal: Journal, folds: Folds, doors: Doors, providers: tuple[str, ...]) -> None:
        self._journal = journal
        self._folds = folds
        self._doors = doors
        self._providers = providers
        self._views: dict[str, Callable[[Asked], object]] = {
            "/health": lambda _: {"seq": journal.last},
            "/effects": lambda asked: folds.effects.rows(business=asked.get("business")),
            "/rates": self._rates,
            "/faults": lambda _: folds.rules.rows(),
            "/faults/catalogue": lambda _: printed(),
            "/plan": self._plan,
            "/outage": lambda _: [asdict(row) for row in folds.outages.rows()],
            "/limits": lambda _: [asdict(row) for row in folds.limits.rows()],
            "/config": lambda _: folds.settings.facts(),
        }

    async def serve(self, line: Line, request: Request) -> None:
        """Answer one control call; an order is in force when its answer leaves."""
        try:
            answer = self._show(request) if request.method == "GET" else await self._obey(request)
        except (ValueError, KeyError) as wrong:
            answer = in_json(400, {"error": str(wrong)})
        await line.send(rendered(answer, keep=request.reusable))

    def command(self, path: str, body: Json) -> None:
        """Give an order in a fault's name."""
        self._order("POST", path, body)

    async def _obey(self, request: Request) -> Answer:
        body = json.loads(request.body or b"{}")
        if not isinstance(body, dict):
            raise BadOrderError("an order is a JSON object")
        answer = self._order(request.method, request.path, body)
        await self._doors.obey()
        return answer

    def _order(self, method: str, path: str, body: Json) -> Answer:
        noun, *rest = path.strip("/").split("/")
        check = ORDERS.get((method, noun))
        if check is None or (rest and method == "POST"):
            return in_json(404, {"error": f"control does not know {method} {path}"})
        order = check(body, self._providers)
        seq = self._journal.append({"event": "control", "method": method, "path": path, "body": order})
        self._doors.notice()
        return in_json(200, {"id": f"{_singular(noun)}-{seq}", **order})

    def _show(self, request: Request) -> Answer:
        if request.path == "/journal":
            return self._lines(request.asked())
        view = self._views.get(request.path)
        if view is None:
            return in_json(404, {"error": f"control does not know GET {request.path}"})
        return in_json(200, view(request.asked()))

    def _lines(self, asked: Asked) -> Answer:
        lines = self._journal.lines(after=int(asked.get("after", 0)), limit=int(asked.get("limit", PAGE)))
        body = b'{"last":%d,"events":[%b]}' % (self._journal.last, b",".join(lines))
        return Answer(200, body, (("Content-Type", "application/json"),))

    def _rates(self, asked: Asked) -> Json:
        window, calls = float(asked.get("window", 1.0)), self._folds.calls
        wanted = [asked["provider"]] if "provider" in asked else self._providers
        rates: Json = {"window": window}
        for provider in wanted:
            rates[provider] = calls.summary((provider, None), window=window)
            tenants = [asked["tenant"]] if "tenant" in asked else calls.tenants(provider)
            if "tenant" in asked or "tenants" in asked:
                rates[provider]["tenants"] = {name: calls.summary((provider, name), window=window) for name in tenants}
        return rates

    def _plan(self, asked: Asked) -> object:
        if "business" not in asked:
            return self._folds.plan.facts()
        provider, looks = asked.get("provider", self._providers[0]), "look_ups" in asked
        attempts = range(1, int(asked.get("attempts", 1)) + 1)
        lies = [self._folds.plan.foretold(provider, asked["business"], attempt, looks=looks) for attempt in attempts]
        return [lie and asdict(lie) for lie in lies]


def _singular(noun: str) -> str:
    return noun.removesuffix("s")
