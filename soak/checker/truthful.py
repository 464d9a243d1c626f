"""S3 and S4: what the ledger says of an effect is what the provider has."""

from collections.abc import Iterator

from soak.checker.history import Case, History
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


def check(history: History) -> Iterator[Violation]:
    """Yield successes that are none, and failures that are not what they are called."""
    for case in history.cases:
        operation = case.operation
        if operation is not None and operation.end in ALLOWED:
            yield from _compare(case, operation)


def _compare(case: Case, operation: Operation) -> Iterator[Violation]:
    found = case.standing
    least, most = ALLOWED[operation.end]
    there = ", ".join(effect.said for effect in found) or "nothing"
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


def _sentence(case: Case, operation: Operation, there: str) -> str:
    return f"{case.who} is {operation.said}, reference {operation.reference}; at the provider: {there}"
