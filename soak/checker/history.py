"""The three sources joined: one case for each thing that the client wanted, with all that anybody says of it."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from soak.checker import asked as asking
from soak.checker import journal as journals
from soak.checker import ledger, terms
from soak.checker.asked import Asked
from soak.checker.journal import Effect, Journal, Request
from soak.checker.ledger import Dump, Operation
from soak.checker.terms import Kind, Terms


@dataclass(slots=True)
class Case:
    """One wish of the client.

    Attributes:
        asked: the client's lines.
        operations: the ledger's rows under its key; more than one where it was superseded, or where something is wrong.
        requests: what the provider got under its mark.
        effects: what the provider did under its mark, or under the client's name.
    """

    name: str
    tenant: str
    kind: Kind
    key: str
    asked: list[Asked] = field(default_factory=list)
    operations: list[Operation] = field(default_factory=list)
    requests: list[Request] = field(default_factory=list)
    effects: list[Effect] = field(default_factory=list)

    @property
    def who(self) -> str:
        """In words."""
        return f"{self.kind.name} {self.key} of {self.tenant}"

    @property
    def accepted(self) -> bool:
        """Whether the client was told so."""
        return any(line.answer == "accepted" for line in self.asked)

    @property
    def operation(self) -> Operation | None:
        """The current one."""
        return max(self.operations, key=lambda one: one.generation, default=None)

    @property
    def standing(self) -> list[Effect]:
        """Effects that were not undone."""
        return [effect for effect in self.effects if effect.standing]

    @property
    def writes(self) -> list[Request]:
        """The sends, in order."""
        return [one for one in self.requests if one.method == "POST" and one.path == self.kind.path]


@dataclass(slots=True)
class History:
    """Everything that is known of a run.

    Attributes:
        strange_operations: rows that nobody asked for.
        strange_effects: effects that belong to no case.
        strange_sends: requests that belong to no case, where a kind is sent whose requests are known by their marks.
        ended: whether everything must have ended by now.
    """

    terms: Terms
    cases: list[Case]
    journal: Journal
    dump: Dump
    strange_operations: list[Operation] = field(default_factory=list)
    strange_effects: list[Effect] = field(default_factory=list)
    strange_sends: list[Request] = field(default_factory=list)
    ended: bool = True

    @property
    def tells_attempts(self) -> bool:
        """Whether the subject writes down what it tries."""
        return "attempts" in self.dump.told


def read(folder: Path) -> History:
    """Read a run's folder and join what is in it."""
    return join(terms.read(folder), asking.read(folder), ledger.read(folder), journals.read(folder))


def join(agreed: Terms, lines: list[Asked], dump: Dump, journal: Journal) -> History:
    """Join the three."""
    cases = _cases(agreed, lines)
    history = History(agreed, list(cases.values()), journal, dump)
    by_mark: dict[tuple[str, str], Case] = {}
    by_name = {(case.kind.provider, case.kind.effect, case.name): case for case in history.cases}
    for operation in dump.operations:
        case = cases.get(operation.identity)
        if case is None:
            history.strange_operations.append(operation)
            continue
        case.operations.append(operation)
        by_mark |= {(case.kind.provider, mark): case for mark in operation.marks}
    history.strange_sends = _joined(journal.requests, by_mark, history.cases)
    for effect in journal.effects:
        found = by_mark.get((effect.provider, effect.mark)) or _named(by_name, effect)
        (history.strange_effects if found is None else found.effects).append(effect)
    return history


def _joined(
    requests: Sequence[Request], by_mark: Mapping[tuple[str, str], Case], cases: Sequence[Case]
) -> list[Request]:
    """Give each case its requests: the sends by their mark, look-ups also by the client's name at the end of their path.

    Returns:
        Sends that belong to nobody, to where others go that do.
    """
    by_name = {(case.kind.provider, case.name): case for case in cases}
    left = []
    for request in requests:
        case = by_mark.get((request.provider, request.mark)) if request.mark else None
        if case is None and request.method == "GET":
            case = by_name.get((request.provider, request.path.rpartition("/")[2]))
        if case is not None:
            case.requests.append(request)
        elif request.method == "POST":
            left.append(request)
    marked = {(case.kind.provider, case.kind.path) for case in cases if case.writes}
    return [request for request in left if (request.provider, request.path) in marked]


def _cases(agreed: Terms, lines: list[Asked]) -> dict[tuple[str, str, str], Case]:
    by_identity: dict[tuple[str, str, str], list[Asked]] = defaultdict(list)
    for line in lines:
        by_identity[line.identity].append(line)
    cases = {}
    for identity, said in by_identity.items():
        tenant, name, key = identity
        kind = agreed.kind(name)
        if kind is None:
            raise ValueError(
                f"the client asked for {name}, of which the terms say nothing: name it in the subject's terms"
            )
        cases[identity] = Case(said[0].name, tenant, kind, key, asked=said)
    return cases


def _named(by_name: dict[tuple[str, str, str], Case], effect: Effect) -> Case | None:
    group = "charge" if effect.name in {"open", "intent"} else effect.name
    wanted = [(effect.provider, what, name) for name in effect.names for what in {effect.name, group}]
    return next((by_name[one] for one in wanted if one in by_name), None)
