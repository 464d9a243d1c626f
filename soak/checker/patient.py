"""R7: no trouble that is over before the deadline is the death of what can be tried or asked again."""

from collections.abc import Iterator

from soak.checker.history import History
from soak.checker.ledger import Operation
from soak.checker.violation import Violation

#: Reasons of dead letters that tell of trouble on the way, and not of an answer.
_TROUBLE = frozenset({"deadline", "exhausted", "no_answer", "transient", "rate_limited", "poison"})


def check(history: History) -> Iterator[Violation]:
    """Yield operations of means K, N and Q that were given up though their provider was well again in time."""
    for case in history.cases:
        if case.kind.means == "X":
            continue
        for reason in (reason for operation in case.operations for reason in _deaths(operation)):
            if reason in _TROUBLE:
                sentence = f"{case.who} was given up ({reason}) though no trouble lasted until its deadline"
                yield Violation("R7", "given up", sentence, case)


def _deaths(operation: Operation) -> Iterator[str | None]:
    """Of what it has died so far, whatever people made of that; a subject without dead letters tells of the last only."""
    if operation.letters:
        yield from (letter["reason"] for letter in operation.letters)
    elif operation.state == "dead":
        yield operation.reason
