"""What really happened at the providers, by the sandbox's own journal: read while it grows."""

import json
from collections import Counter, defaultdict, deque
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

_PAYMENT = frozenset({"intent", "open", "charge"})  # one payment, under the names that it has one after the other
_WINDOW = 5.0  # seconds over which calls are counted for people


@dataclass(frozen=True, slots=True)
class Effect:
    """Something done at a provider.

    Attributes:
        name: charge, open, intent, capture, refund, customer, email.
        business: our key, as the provider was given it.
        order: the caller's own id of the order, where the provider was told.
        standing: it has not been undone.
    """

    provider: str
    name: str
    business: str
    reference: str
    tenant: str
    order: str = ""
    standing: bool = True


class Journal:
    """A fold over the journal, up to what was last read.

    Args:
        path: the file; it may not exist yet.
        from_end: whether to leave out what is in it already.
    """

    def __init__(self, path: Path, *, from_end: bool = False) -> None:
        self._path = path
        self._at = path.stat().st_size if from_end and path.exists() else 0
        self._effects: dict[tuple[str, str, str], Effect] = {}
        self.hits: dict[str, list[str]] = defaultdict(list)
        self.calls: Counter[str] = Counter()
        self._recent: dict[str, deque[float]] = defaultdict(deque)

    def read(self) -> None:
        """Take in what was written since the last time."""
        for event in self._fresh():
            match event["event"]:
                case "request":
                    self._take_request(event)
                case "effect":
                    self._take_effect(event)
                case "undone":
                    self._undo(event)

    def effects(self) -> list[Effect]:
        """All effects, those undone included."""
        return list(self._effects.values())

    def doubled(self) -> int:
        """How many business keys have more than one effect of the same name standing."""
        counts = Counter((e.business, e.name) for e in self._effects.values() if e.standing and e.business)
        return sum(1 for count in counts.values() if count > 1)

    def rates(self, now: float) -> dict[str, float]:
        """Calls per second of each provider, lately.

        Args:
            now: wall time.
        """
        for times in self._recent.values():
            while times and times[0] < now - _WINDOW:
                times.popleft()
        return {provider: len(times) / _WINDOW for provider, times in self._recent.items()}

    def _fresh(self) -> Iterator[dict[str, Any]]:
        if not self._path.exists():
            return
        with self._path.open("rb") as file:
            file.seek(self._at)
            for line in file:
                if not line.endswith(b"\n"):
                    return  # it is being written
                self._at += len(line)
                yield json.loads(line)

    def _take_request(self, event: dict[str, Any]) -> None:
        provider = event["provider"]
        self.calls[provider] += 1
        self._recent[provider].append(event["at"])
        met = event.get("fault") or ("outage" if event.get("outage") else "")
        if met and event.get("subject"):
            self.hits[event["subject"]].append(str(met))

    def _take_effect(self, event: dict[str, Any]) -> None:
        self._effects[_key(event)] = Effect(
            provider=event["provider"],
            name=event["effect"],
            business=event["business"] or "",
            reference=event["reference"],
            tenant=event["tenant"],
            order=str((event["metadata"] or {}).get("order_id", "")),
        )

    def _undo(self, event: dict[str, Any]) -> None:
        found = self._effects.get(_key(event))
        if found is not None:
            self._effects[_key(event)] = Effect(
                found.provider, found.name, found.business, found.reference, found.tenant, found.order, standing=False
            )


def _key(event: dict[str, Any]) -> tuple[str, str, str]:
    group = "payment" if event["effect"] in _PAYMENT else event["effect"]
    return event["provider"], event["reference"], group
