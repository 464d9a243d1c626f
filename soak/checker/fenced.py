"""S5 and R8: no claim while another holds, intent before the byte, one layer that retries, the same bytes each time."""

from collections.abc import Iterator

from soak.checker.history import Case, History
from soak.checker.ledger import Operation
from soak.checker.violation import Violation

_SLACK = 0.05  # seconds between PostgreSQL's clock and the provider's, both read on one machine


def check(history: History) -> Iterator[Violation]:
    """Yield attempts that should not be, and bytes that changed."""
    for case in history.cases:
        yield from _same_bytes(case)
        if history.tells_attempts and len(case.operations) == 1:
            operation = case.operations[0]
            yield from _one_at_a_time(case, operation)
            yield from _intent_first(case, operation)


def _same_bytes(case: Case) -> Iterator[Violation]:
    """One generation, one request: under a key other bytes are another request, or the answer to an earlier one."""
    if len(case.operations) > 1:
        return
    bodies, keys = {request.body for request in case.writes}, {request.key for request in case.writes}
    if len(bodies) > 1:
        yield Violation("R8", "other bytes", f"{case.who} was sent with {len(bodies)} different bodies", case)
    if len(keys) > 1:
        yield Violation("R8", "other key", f"{case.who} was sent under {len(keys)} different keys", case)


def _one_at_a_time(case: Case, operation: Operation) -> Iterator[Violation]:
    heard: dict[int, float] = {}
    for reply in operation.replies:
        heard.setdefault(reply["number"], reply["at"])
    for before, after in zip(operation.attempts, operation.attempts[1:], strict=False):
        free = min(heard.get(before["number"], before["lease_until"]), before["lease_until"])
        if after["at"] < free - _SLACK:
            early = free - after["at"]
            sentence = f"{case.who}: attempt {after['number']} began {early:.2f} s before {before['number']} was over"
            yield Violation("S5", "two claims", sentence, case)
        if after["number"] <= before["number"]:
            yield Violation("S5", "fence", f"{case.who}: the fence did not rise from attempt {before['number']}", case)


def _intent_first(case: Case, operation: Operation) -> Iterator[Violation]:
    """A send that no attempt stands for was made by a layer that nobody told of it, or before its intent was kept."""
    intents = sorted(attempt["at"] for attempt in operation.attempts if attempt["purpose"] == "send")
    for number, request in enumerate(case.writes):
        if number >= len(intents):
            yield Violation(
                "R8", "sent unasked", f"{case.who}: {len(case.writes)} sends for {len(intents)} attempts", case
            )
            return
        if intents[number] > request.at + _SLACK:
            sentence = f"{case.who}: send {number + 1} arrived {intents[number] - request.at:.2f} s before its intent"
            yield Violation("S5", "sent before the intent", sentence, case)
