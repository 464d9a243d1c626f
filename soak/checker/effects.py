"""S2: at most one effect for each business key; of means X no second send after a doubt."""

from collections.abc import Iterator

from soak.checker.history import Case, History
from soak.checker.journal import Request
from soak.checker.violation import Violation

#: Answers from in front of the work: a client that hears one of them whole knows that nothing was done.
_REFUSALS = frozenset({300, 301, 302, 303, 307, 308, 400, 401, 403, 404, 422, 429})


def check(history: History) -> Iterator[Violation]:
    """Yield what was done twice, or sent again where nobody could know."""
    for case in history.cases:
        standing = case.standing
        if len(standing) > 1:
            listed = ", ".join(effect.said for effect in standing)
            yield Violation("S2", "doubled", f"{case.who} has {len(standing)} effects: {listed}", case)
        if case.kind.means == "X":
            yield from _resent(case)


def _resent(case: Case) -> Iterator[Violation]:
    for before, after in zip(case.writes, case.writes[1:], strict=False):
        if not refused(before):
            sentence = (
                f"{case.who} (means X) was sent again at {after.at:.3f} though the answer to {before.seq} left a doubt"
            )
            yield Violation("S2", "resent", sentence, case)


def refused(request: Request) -> bool:
    """Whether its answer, heard whole, says that nothing was done."""
    return request.status in _REFUSALS and request.how == "sent"
