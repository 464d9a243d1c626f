"""Receives a provider's requests: journals each, decides whether it is lied to, and sees to its answer."""

from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import asdict

from sandbox.calls import Flights
from sandbox.exchange import Exchange, House
from sandbox.faults.catalogue import CATALOGUE
from sandbox.folds import Folds
from sandbox.journal import Json
from sandbox.limits import Refusal
from sandbox.names import Names
from sandbox.provider import Call, Provider
from sandbox.tenants import tenant_of
from sandbox.wire.line import Line
from sandbox.wire.request import Request

Act = Callable[[Exchange], Awaitable[None]]


class Attempts:
    """Counts the requests of one subject; look-ups are counted apart, for their number hangs on timing."""

    def __init__(self) -> None:
        self._count: Counter[tuple[str, str, bool]] = Counter()

    def next(self, provider: str, subject: str, *, looks: bool) -> int:
        """Return the number of the attempt that has just come."""
        return self._count[provider, subject, looks] + 1

    def take(self, event: Json) -> None:
        """Remember an attempt."""
        if event["subject"]:
            self._count[event["provider"], event["subject"], event["method"] == "GET"] += 1


class Desk:
    """Serves one provider's listener."""

    def __init__(self, provider: Provider, house: House, folds: Folds, *, names: Names, flights: Flights) -> None:
        self._provider = provider
        self._house = house
        self._folds = folds
        self._names = names
        self._flights = flights
        self._attempts = Attempts()
        house.journal.follow("request", self._remember)

    async def serve(self, line: Line, request: Request) -> None:
        """Serve one request, honestly or not; afterwards the journal holds exactly one answer to it."""
        tenant = tenant_of(self._provider.token(request))
        with self._flights.one_more(self._provider.name, tenant) as crowd:
            event = self._described(request, tenant) | {"concurrent": crowd}
            marks, act = self._judged(event)
            seq = self._house.journal.append(event | marks)
            exchange = Exchange(self._house, self._provider, self._call(request, event), line, seq)
            try:
                await act(exchange)
            finally:
                exchange.silence("dropped")

    def _judged(self, event: Json) -> tuple[Json, Act]:
        """Return what the journal says of this request beforehand, and what is done with it."""
        if outage := self._folds.outages.present(event):
            return {"fault": "F26", "outage": outage.id}, outage.play
        if refusal := self._folds.limits.refusal(event):
            return {"fault": None, "limited": True}, lambda exchange: _limited(exchange, refusal)
        if lie := self._folds.rules.lie(event) or self._folds.plan.lie(event):
            return asdict(lie), lambda exchange: CATALOGUE[lie.fault].play(exchange, lie)
        return {"fault": None}, _honest

    def _described(self, request: Request, tenant: str) -> Json:
        business, key = self._provider.business(request), request.header("idempotency-key") or None
        subject = business or key
        looks = request.method == "GET"
        return {
            "event": "request",
            "mono": self._house.journal.clock.mono(),
            "provider": self._provider.name,
            "method": request.method,
            "path": request.path,
            "query": request.query,
            "tenant": tenant,
            "idempotency_key": key,
            "business": business,
            "subject": subject,
            "attempt": self._attempts.next(self._provider.name, subject, looks=looks) if subject else 1,
            "body_sha256": request.digest(),
            "connection": request.connection,
        }

    def _call(self, request: Request, event: Json) -> Call:
        tenant = event["tenant"]
        account = self._house.tenants.account(self._provider.name, tenant)
        return Call(request, tenant, account, self._names.make("req", length=14))

    def _remember(self, event: Json) -> None:
        if event["provider"] == self._provider.name:
            self._attempts.take(event)


async def _honest(exchange: Exchange) -> None:
    await exchange.send(await exchange.perform())


async def _limited(exchange: Exchange, refusal: Refusal) -> None:
    limited = exchange.provider.complain(
        "limited", exchange.call, limit=refusal.kind, scope=refusal.scope, wait=refusal.wait
    )
    await exchange.send(limited)
