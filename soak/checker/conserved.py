"""S1 and L1: what was accepted is there, once, and has ended, once."""

from collections.abc import Iterator

from soak.checker.history import Case, History
from soak.checker.ledger import Operation
from soak.checker.violation import Violation

_CLOSED = frozenset({"expired", "revoked"})  # what was not wanted any more is nobody's turn


def check(history: History) -> Iterator[Violation]:
    """Yield what is lost, there twice, stuck, ended twice, or there though nobody asked for it."""
    by_ticket = {ticket: operation for operation in history.dump.operations for ticket in operation.tickets}
    for case in history.cases:
        yield from _present(history, case, by_ticket)
        yield from _once(case)
        for operation in case.operations:
            yield from _ended(history, case, operation)
            yield from _open_letters(case, operation)
    for operation in history.strange_operations:
        yield Violation("S1", "unasked", f"{operation.kind} {operation.key} is in the ledger, and nobody asked for it")
    for effect in history.strange_effects:
        yield Violation("S1", "unasked", f"{effect.said} at {effect.provider} belongs to nothing that was asked for")


def _present(history: History, case: Case, by_ticket: dict[str, Operation]) -> Iterator[Violation]:
    if case.accepted and not case.operations:
        yield Violation("S1", "lost", f"{case.who} was accepted and is not in the ledger", case)
        return
    if case.effects and not case.operations and history.tells_attempts:
        yield Violation("S1", "lost", f"{case.who} was done and is not in the ledger", case)
    for line in case.asked:
        if line.answer != "accepted" or "tickets" not in history.dump.told:
            continue
        found = by_ticket.get(line.ticket)
        if found is None:
            yield Violation(
                "S1", "lost", f"{case.who}: the ticket {line.ticket} that the client got stands for nothing", case
            )
        elif found.identity != line.identity:
            sentence = f"{case.who}: the ticket {line.ticket} stands for {found.kind} {found.key} of {found.tenant}"
            yield Violation("S1", "mixed up", sentence, case)


def _once(case: Case) -> Iterator[Violation]:
    generations = [operation.generation for operation in case.operations]
    if len(generations) != len(set(generations)):
        yield Violation("S1", "doubled", f"{case.who} became {len(generations)} operations", case)


def _ended(history: History, case: Case, operation: Operation) -> Iterator[Violation]:
    if not operation.ended:
        if history.ended:
            yield Violation("L1", "stuck", f"{case.who} is {operation.said} and has not ended", case)
        return
    if "dead_letters" not in history.dump.told:
        return
    letters = [letter for letter in operation.letters if letter["epoch"] == operation.epoch]
    if operation.state == "dead" and not letters:
        yield Violation("S1", "no letter", f"{case.who} is dead and has no dead letter", case)
    if len(letters) > 1:
        yield Violation("S1", "two ends", f"{case.who} has {len(letters)} dead letters of one epoch", case)


def _open_letters(case: Case, operation: Operation) -> Iterator[Violation]:
    """A person's turn is what is dead, and nothing else."""
    for letter in operation.letters:
        current = operation.state == "dead" and letter["epoch"] == operation.epoch
        if letter["status"] == "open" and not current:
            sentence = f"{case.who} is {operation.state} and an open dead letter"
            yield Violation("S1", "two ends", sentence, case)
        if letter["status"] != "open" and current and letter["reason"] not in _CLOSED:
            yield Violation("S1", "no letter", f"{case.who} is dead and its letter is {letter['status']}", case)
