"""Rules: requests that match one get its fault, so many times and so often."""

from collections import Counter
from dataclasses import asdict, dataclass, field
from typing import Any

from sandbox.chance import draws
from sandbox.faults.catalogue import CATALOGUE
from sandbox.faults.fault import Lie
from sandbox.journal import Journal, Json

SAME = ("provider", "method", "business", "tenant")


@dataclass(slots=True)
class Rule:
    """One order to misbehave."""

    id: str
    fault: str
    variant: str | None = None
    form: str | None = None
    match: Json = field(default_factory=dict)
    times: int | None = None  # none: for ever
    probability: float = 1.0
    params: Json = field(default_factory=dict)
    hits: int = 0

    def fits(self, event: Json) -> bool:
        """Whether a request is one that this rule speaks of, and there are times left."""
        spent = self.times is not None and self.hits >= self.times
        return not spent and event["method"] in CATALOGUE[self.fault].methods and self._matches(event)

    def lie(self) -> Lie:
        """Return the playing that this rule asks for."""
        fault = CATALOGUE[self.fault]
        form = self.form or (fault.forms[0] if fault.forms else None)
        return Lie(self.fault, self.variant or fault.variants[0], form, self.params, self.id)

    def _matches(self, event: Json) -> bool:
        match = self.match
        return (
            all(event[name] == match[name] for name in SAME if name in match)
            and event["path"].startswith(match.get("path_prefix", ""))
            and event["attempt"] == match.get("nth_attempt", event["attempt"])
        )


class Rules:
    """The rules in force; of those that match, the oldest wins."""

    def __init__(self, journal: Journal, *, seed: int) -> None:
        self._seed = seed
        self._rows: dict[str, Rule] = {}
        self._reads: Counter[str] = Counter()
        journal.follow("control", self._take)
        journal.follow("request", self._count)

    def lie(self, event: Json) -> Lie | None:
        """Return what this request meets, if a rule wants it to meet anything."""
        for rule in self._rows.values():
            if rule.fits(event) and self._drawn(rule, event):
                return rule.lie()
        return None

    def rows(self) -> list[Json]:
        """Return the rules in force, each with its hits."""
        return [asdict(rule) for rule in self._rows.values()]

    def _drawn(self, rule: Rule, event: Json) -> bool:
        if rule.probability >= 1:
            return True
        return draws(self._seed, rule.id, *self._about(event))[0] < rule.probability

    def _about(self, event: Json) -> tuple[Any, ...]:
        """What a draw is for. It must not hang on the order of arrival, so where there is no subject it goes by the body.

        A list that is read has neither, and all reads of one list are alike: each is drawn for anew, or all would meet the
        fault for ever, or none.
        """
        if event["subject"] or event["method"] != "GET":
            return event["subject"] or event["body_sha256"], event["attempt"]
        self._reads[event["path"]] += 1
        return event["path"], self._reads[event["path"]]

    def _count(self, event: Json) -> None:
        if rule := self._rows.get(event.get("rule", "")):
            rule.hits += 1

    def _take(self, event: Json) -> None:
        match event["method"], event["path"].split("/")[1:]:
            case "POST", ["faults"]:
                rule = Rule(id=f"fault-{event['seq']}", **event["body"])
                self._rows[rule.id] = rule
            case ("DELETE", ["faults"]) | ("POST", ["reset"]):
                self._rows.clear()
            case "DELETE", ["faults", name]:
                self._rows.pop(name, None)
