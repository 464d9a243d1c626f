"""R7: no trouble that is over before the deadline is the death of what can be tried or asked again."""

from collections.abc import Iterator

from soak.checker.history import History
from soak.checker.violation import Violation

#: Reasons of dead letters that tell of trouble on the way, and not of an answer.
_TROUBLE = frozenset({"deadline", "exhausted", "transient", "rate_limited", "poison"})


def check(history: History) -> Iterator[Violation]:
    """Yield operations of means K, N and Q that were given up though their provider was well again in time."""
    for case in history.cases:
        operation = case.operation
        if operation is None or operation.state != "dead" or case.kind.means == "X" or operation.reason not in _TROUBLE:
            continue
        sentence = f"{case.who} was given up ({operation.reason}) though no trouble lasted until its deadline"
        yield Violation("R7", "given up", sentence, case)
