"""S1 and L1: what was accepted is there, once, and has ended, once."""

from collections.abc import Iterator

from soak.checker.history import Case, History
from soak.checker.ledger import Operation
from soak.checker.violation import Violation


def check(history: History) -> Iterator[Violation]:
    """Yield what is lost, there twice, stuck, ended twice, or there though nobody asked for it."""
    by_ticket = {ticket: operation for operation in history.dump.operations for ticket in operation.tickets}
    for case in history.cases:
        yield from _present(case, by_ticket)
        yield from _once(case)
        for operation in case.operations:
            yield from _ended(history, case, operation)
    for operation in history.strange_operations:
        yield Violation("S1", "unasked", f"{operation.kind} {operation.key} is in the ledger, and nobody asked for it")
    for effect in history.strange_effects:
        yield Violation("S1", "unasked", f"{effect.said} at {effect.provider} belongs to nothing that was asked for")


def _present(case: Case, by_ticket: dict[str, Operation]) -> Iterator[Violation]:
    if case.accepted and not case.operations:
        yield Violation("S1", "lost", f"{case.who} was accepted and is not in the ledger", case)
        return
    for line in case.asked:
        if line.answer != "accepted" or not by_ticket:
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
    if operation.state in {"succeeded", "declined"} and any(letter["status"] == "open" for letter in letters):
        yield Violation("S1", "two ends", f"{case.who} is {operation.state} and an open dead letter", case)
