"""S5 and R8: no claim while another holds, intent before the byte, one layer that retries, the same bytes each time."""

from collections.abc import Iterator, Sequence

from soak.checker.history import Case, History
from soak.checker.journal import Journal, Request
from soak.checker.ledger import Operation
from soak.checker.violation import Violation

_SLACK = 0.05  # seconds between PostgreSQL's clock and the provider's, both read on one machine


def check(history: History) -> Iterator[Violation]:
    """Yield attempts that should not be, sends that no attempt stands for, and bytes that changed."""
    for case in history.cases:
        for operation in case.operations:
            alone = len(case.operations) == 1
            sends = [one for one in case.writes if alone or one.mark in operation.marks]
            yield from _same_bytes(case, sends)
            if history.tells_attempts:
                yield from _one_at_a_time(case, operation)
                yield from _intent_first(case, operation, sends, history.journal)
    if history.tells_attempts:
        for request in history.strange_sends:
            sentence = f"{request.method} {request.path} ({request.seq}) at {request.provider} belongs to no operation"
            yield Violation("R8", "sent unasked", sentence)


def _same_bytes(case: Case, sends: Sequence[Request]) -> Iterator[Violation]:
    """One generation, one request: under a key other bytes are another request, or the answer to an earlier one."""
    bodies, keys = {request.body for request in sends}, {request.key for request in sends}
    if len(bodies) > 1:
        yield Violation("R8", "other bytes", f"{case.who} was sent with {len(bodies)} different bodies", case)
    if len(keys) > 1:
        yield Violation("R8", "other key", f"{case.who} was sent under {len(keys)} different keys", case)


def _one_at_a_time(case: Case, operation: Operation) -> Iterator[Violation]:
    over = _over(operation)
    for before, after in zip(operation.attempts, operation.attempts[1:], strict=False):
        free = min(over.get(before["number"], before["lease_until"]), before["lease_until"])
        if after["at"] < free - _SLACK:
            early = free - after["at"]
            sentence = f"{case.who}: attempt {after['number']} began {early:.2f} s before {before['number']} was over"
            yield Violation("S5", "two claims", sentence, case)
        if after["number"] <= before["number"]:
            yield Violation("S5", "fence", f"{case.who}: the fence did not rise from attempt {before['number']}", case)


def _over(operation: Operation) -> dict[int, float]:
    """When each attempt was over: as its holder said, or else as was said of it."""
    over: dict[int, float] = {}
    for reply in sorted(operation.replies, key=lambda one: (one["outcome"] == "lost", one["at"])):
        over.setdefault(reply["number"], reply["at"])
    return over


def _intent_first(case: Case, operation: Operation, sends: Sequence[Request], journal: Journal) -> Iterator[Violation]:
    """A send that no attempt stands for was made by a layer that nobody told of it, or before its intent was kept.

    Each send is the latest attempt's within whose lease it arrived. What has a key or a natural name may arrive later: a
    process that was stopped after its last look at the clock may send when it goes on, and that does no harm.
    """
    intents = [attempt for attempt in operation.attempts if attempt["purpose"] == "send"]
    may_be_late = case.kind.means in {"K", "N"}
    for number, request in enumerate(sorted(sends, key=lambda one: one.at), start=1):
        stall = journal.stall(request.mono)
        earliest = request.at - (request.mono - stall.since if stall else 0.0)
        begun = [one for one in intents if one["at"] <= request.at + _SLACK]
        within = [one for one in begun if earliest <= one["lease_until"] + _SLACK]
        if found := within or (begun if may_be_late else []):
            intents.remove(max(found, key=lambda one: float(one["at"])))
        elif later := [one for one in intents if one["at"] > request.at]:
            early = min(one["at"] for one in later) - request.at
            sentence = f"{case.who}: send {number} arrived {early:.2f} s before its intent"
            yield Violation("S5", "sent before the intent", sentence, case)
        else:
            total = sum(attempt["purpose"] == "send" for attempt in operation.attempts)
            sentence = f"{case.who}: {len(sends)} sends for {total} attempts; nothing stands for send {number}"
            yield Violation("R8", "sent unasked", sentence, case)
