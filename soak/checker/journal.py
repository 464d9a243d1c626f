"""What the providers saw: the sandbox's journal, read from its file."""

import json
from bisect import bisect_left
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

FILE = "journal.jsonl"
_PAYMENT = frozenset({"intent", "open", "charge"})  # one payment, under the names that it has one after the other


@dataclass(slots=True)
class Request:
    """One request, with how it was answered.

    Attributes:
        mono: the provider's monotonic clock as it was read; limits are judged by it.
        crowd: requests being served then, this one included: of the provider, and of the tenant.
        status: of the answer; None where none was sent.
        how: what became of the answer.
        until: wall time of the answer; None where there is none.
    """

    seq: int
    at: float
    mono: float
    provider: str
    method: str
    path: str
    tenant: str
    mark: str
    key: str
    body: str
    crowd: tuple[int, int]
    fault: str
    variant: str
    form: str
    limited: bool
    status: int | None = None
    how: str = "unanswered"
    until: float | None = None

    @property
    def met(self) -> str:
        """The fault that was played on it."""
        return " ".join(filter(None, [self.fault, self.variant, self.form]))


@dataclass(slots=True)
class Effect:
    """Something done at a provider; undone again where it does not stand."""

    at: float
    provider: str
    name: str
    mark: str
    reference: str
    tenant: str
    names: frozenset[str]
    standing: bool = True

    @property
    def said(self) -> str:
        """In words."""
        return f"{self.name} {self.reference}"


@dataclass(frozen=True, slots=True)
class Stall:
    """The provider's process stood still, by its monotonic clock: what it read then had arrived before."""

    since: float
    until: float


@dataclass(slots=True)
class Journal:
    """All of it; the stalls in order."""

    requests: list[Request] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)
    orders: list[dict[str, Any]] = field(default_factory=list)
    stalls: list[Stall] = field(default_factory=list)

    def stall(self, mono: float) -> Stall | None:
        """The one in which something was read."""
        place = bisect_left(self.stalls, mono, key=lambda stall: stall.until)
        found = self.stalls[place] if place < len(self.stalls) else None
        return found if found is not None and found.since < mono else None


def read(folder: Path) -> Journal:
    """Fold the file."""
    journal = Journal()
    asked: dict[int, Request] = {}
    done: dict[tuple[str, str, str], Effect] = {}
    for line in (folder / FILE).read_text().split("\n")[:-1]:
        event = json.loads(line)
        match event["event"]:
            case "request":
                asked[event["seq"]] = _request(event)
            case "answer" if event["request"] in asked:
                request = asked[event["request"]]
                request.status, request.how, request.until = event["status"], event["how"], event["at"]
            case "effect":
                done.setdefault(_identity(event), _effect(event)).name = event["effect"]
            case "undone":
                done[_identity(event)].standing = False
            case "stalled":
                journal.stalls.append(Stall(event["since"], event["until"]))
            case "control":
                journal.orders.append(event)
    journal.requests, journal.effects = list(asked.values()), list(done.values())
    return journal


def _request(event: dict[str, Any]) -> Request:
    crowd = event["concurrent"]
    return Request(
        seq=event["seq"], at=event["at"], mono=event["mono"], provider=event["provider"], method=event["method"],
        path=event["path"], tenant=event["tenant"], mark=event["business"] or event["idempotency_key"] or "",
        key=event["idempotency_key"] or "", body=event["body_sha256"], crowd=(crowd[0], crowd[1]),
        fault=event.get("fault") or "", variant=event.get("variant") or "", form=event.get("form") or "",
        limited=bool(event.get("limited")),
    )  # fmt: skip


def _effect(event: dict[str, Any]) -> Effect:
    given = event["metadata"] if isinstance(event["metadata"], dict) else {}
    return Effect(
        at=event["at"], provider=event["provider"], name=event["effect"], mark=event["business"] or "",
        reference=event["reference"], tenant=event["tenant"],
        names=frozenset(value for value in given.values() if isinstance(value, str)),
    )  # fmt: skip


def _identity(event: dict[str, Any]) -> tuple[str, str, str]:
    group = "payment" if event["effect"] in _PAYMENT else event["effect"]
    return event["provider"], event["reference"], group
