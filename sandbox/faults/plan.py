"""The seeded plan: what a request meets is a function of the seed, its subject and its attempt, and of nothing else."""

from dataclasses import asdict, dataclass, field

from sandbox.chance import chosen, draws
from sandbox.faults.catalogue import CATALOGUE
from sandbox.faults.fault import Lie
from sandbox.journal import Journal, Json

NAME = "plan"


@dataclass(frozen=True, slots=True)
class Orders:
    """What is planned."""

    seed: int
    share: float  # of the attempts that may be hit
    faults: list[str]
    first_attempts: int = 2  # later ones are served honestly, so that things can end
    look_ups: bool = False  # whether reads are hit by more than F24
    providers: list[str] | None = None
    params: dict[str, Json] = field(default_factory=dict)  # by fault

    def lie(self, provider: str, subject: str, attempt: int, *, looks: bool) -> Lie | None:
        """Return what the nth attempt at a subject meets."""
        if attempt > self.first_attempts or (self.providers is not None and provider not in self.providers):
            return None
        faults = [fault for fault in self.faults if self._fits(fault, looks=looks)]
        hit, which, variant, form = draws(self.seed, subject, attempt, *(["look-up"] if looks else []))
        if not faults or hit >= self.share:
            return None
        fault = CATALOGUE[chosen(which, faults)]
        forms = chosen(form, fault.forms) if fault.forms else None
        return Lie(fault.id, chosen(variant, fault.variants), forms, self.params.get(fault.id, {}), NAME)

    def _fits(self, fault: str, *, looks: bool) -> bool:
        methods = CATALOGUE[fault].methods
        return (methods == ("GET",) or (self.look_ups and "GET" in methods)) if looks else "POST" in methods


class Plan:
    """The plan in force, if there is one."""

    def __init__(self, journal: Journal) -> None:
        self._orders: Orders | None = None
        journal.follow("control", self._take)

    def lie(self, event: Json) -> Lie | None:
        """Return what this request meets by plan; one without a subject meets nothing."""
        if event["subject"] is None:
            return None
        return self.foretold(event["provider"], event["subject"], event["attempt"], looks=event["method"] == "GET")

    def foretold(self, provider: str, subject: str, attempt: int, *, looks: bool) -> Lie | None:
        """Return what an attempt will meet, without making it."""
        return self._orders.lie(provider, subject, attempt, looks=looks) if self._orders else None

    def facts(self) -> Json | None:
        """Return the plan in force."""
        return asdict(self._orders) if self._orders else None

    def _take(self, event: Json) -> None:
        match event["method"], event["path"]:
            case "POST", "/plan":
                self._orders = Orders(**event["body"])
            case ("DELETE", "/plan") | ("POST", "/reset"):
                self._orders = None
