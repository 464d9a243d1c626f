"""The providers' own limits, as exact sliding windows and as calls at one time."""

from dataclasses import dataclass

from sandbox.calls import Calls
from sandbox.journal import Journal, Json


@dataclass(frozen=True, slots=True)
class Limit:
    """So many calls per so many seconds, or so many at once, for a provider or for each of its tenants."""

    id: str
    provider: str
    scope: str = "provider"
    calls: int | None = None
    per: float = 1.0
    concurrent: int | None = None


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a call is over a limit, and when one more would fit."""

    kind: str  # "rate" or "concurrency"
    scope: str
    wait: float


class Limits:
    """The limits that are set; a call over any of them is refused and does not count against the next."""

    def __init__(self, journal: Journal, calls: Calls) -> None:
        self._calls = calls
        self._rows: dict[str, Limit] = {}
        journal.follow("control", self._take)

    def refusal(self, event: Json) -> Refusal | None:
        """Return why this request is over a limit, if it is."""
        for limit in self._rows.values():
            if limit.provider == event["provider"] and (refusal := self._judged(limit, event)):
                return refusal
        return None

    def rows(self) -> list[Limit]:
        """Return the limits that are set."""
        return list(self._rows.values())

    def _judged(self, limit: Limit, event: Json) -> Refusal | None:
        each = limit.scope == "tenant"
        lane = (limit.provider, event["tenant"] if each else None)
        if limit.concurrent is not None and event["concurrent"][each] > limit.concurrent:
            return Refusal("concurrency", limit.scope, 0.0)
        if limit.calls is None or self._calls.admitted(lane, now=event["mono"], per=limit.per) < limit.calls:
            return None
        wait = self._calls.wait(lane, now=event["mono"], per=limit.per, calls=limit.calls)
        return Refusal("rate", limit.scope, wait)

    def _take(self, event: Json) -> None:
        match event["method"], event["path"].split("/")[1:]:
            case "POST", ["limits"]:
                limit = Limit(id=f"limit-{event['seq']}", **event["body"])
                self._rows[limit.id] = limit
            case ("DELETE", ["limits"]) | ("POST", ["reset"]):
                self._rows.clear()
            case "DELETE", ["limits", name]:
                self._rows.pop(name, None)
