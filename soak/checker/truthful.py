"""S3 and S4: what the ledger says of an effect is what the provider has."""

from collections.abc import Iterator, Sequence

from soak.checker.history import Case, History
from soak.checker.journal import Effect
from soak.checker.ledger import Operation
from soak.checker.violation import Violation

#: How many effects each end allows.
ALLOWED = {
    "succeeded": (1, 1),
    "declined": (0, 0),
    "dead/none": (0, 0),
    "dead/unknown": (0, 1),
    "dead/done": (1, 1),
}

_PROOF = frozenset({"succeeded", "present"})  # outcomes of a reply
_FROZEN = "frozen_key"  # the provider says for ever that it does not know what came of the first send


def check(history: History) -> Iterator[Violation]:
    """Yield successes that are none, failures that are not what they are called, and doubts that are none."""
    for case in history.cases:
        for operation, found in _generations(case):
            if operation.end in ALLOWED:
                yield from _compare(case, operation, found)
            if operation.state == "superseded" and operation.effect == "none" and found:
                yield Violation("S4", "falsely failed", _sentence(case, operation, _listed(found)), case)
        if case.operation is not None and case.operation.state == "dead":
            yield from _letter(history, case, case.operation)


def _generations(case: Case) -> Iterator[tuple[Operation, Sequence[Effect]]]:
    """Each operation with what stands of its own; what bears no mark of an earlier one is the current one's."""
    left, current = case.standing, case.operation
    if current is None:
        return
    for operation in case.operations:
        if operation.generation < current.generation:
            yield operation, [effect for effect in left if effect.mark in operation.marks]
            left = [effect for effect in left if effect.mark not in operation.marks]
    yield current, left


def _letter(history: History, case: Case, operation: Operation) -> Iterator[Violation]:
    """What people decide by: the letter says what the row says, and *unknown* only where nothing is known."""
    for letter in operation.letters:
        if letter["epoch"] == operation.epoch and letter["effect"] != operation.effect:
            sentence = f"{case.who} is {operation.said}, and its letter says {letter['effect']}"
            yield Violation("S4", "false letter", sentence, case)
    if operation.effect != "unknown" or not history.tells_attempts:
        return
    if any(reply["outcome"] in _PROOF or reply["effect"] == "done" for reply in operation.replies):
        yield Violation(
            "S4", "proof thrown away", f"{case.who} is {operation.said}, and a reply said that it is done", case
        )
    elif case.kind.means != "X" and (case.kind.means != "K" or operation.reason != _FROZEN):
        sentence = f"{case.who} (means {case.kind.means}) is {operation.said}, and it could have been asked for"
        yield Violation("R3", "needlessly unknown", sentence, case)


def _compare(case: Case, operation: Operation, found: Sequence[Effect]) -> Iterator[Violation]:
    least, most = ALLOWED[operation.end]
    there = _listed(found)
    if len(found) < least:
        what = "false success" if operation.state == "succeeded" else "false letter"
        yield Violation("S3" if operation.state == "succeeded" else "S4", what, _sentence(case, operation, there), case)
    elif not most and found:
        what = "falsely declined" if operation.state == "declined" else "falsely failed"
        yield Violation("S4", what, _sentence(case, operation, there), case)
    elif operation.state == "succeeded" and len(found) == 1:
        (effect,) = found
        if operation.reference and effect.reference != operation.reference:
            yield Violation("S3", "wrong reference", _sentence(case, operation, there), case)
        if effect.name != case.kind.effect:
            yield Violation("S3", "unfinished", _sentence(case, operation, there), case)
    elif operation.end == "dead/done" and any(effect.name != case.kind.effect for effect in found):
        yield Violation("S4", "false letter", _sentence(case, operation, there), case)


def _listed(found: Sequence[Effect]) -> str:
    return ", ".join(effect.said for effect in found) or "nothing"


def _sentence(case: Case, operation: Operation, there: str) -> str:
    return f"{case.who} is {operation.said}, reference {operation.reference}; at the provider: {there}"
