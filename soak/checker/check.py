"""All checks over one history, and what is printed of them."""

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from soak.checker import conserved, effects, fenced, isolated, limited, patient, probing, truthful
from soak.checker.history import History
from soak.checker.story import tell
from soak.checker.violation import Violation

CHECKS: tuple[Callable[[History], Iterator[Violation]], ...] = (
    conserved.check,
    effects.check,
    truthful.check,
    fenced.check,
    isolated.check,
    limited.check,
    patient.check,
    probing.check,
)
_MOST = 12  # stories printed; all violations are in the report


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of it.

    Attributes:
        ends: how many cases ended how; what has not ended by its state.
    """

    violations: tuple[Violation, ...]
    ends: Counter[str]

    @property
    def kinds(self) -> Counter[str]:
        """How many violations of each sort, such as `S2 doubled`."""
        return Counter(f"{one.invariant} {one.what}" for one in self.violations)


def judge(history: History) -> Verdict:
    """Judge a history.

    Args:
        history: the three sources, joined.
    """
    found = tuple(violation for check in CHECKS for violation in check(history))
    ends = Counter("not there" if case.operation is None else case.operation.end for case in history.cases)
    return Verdict(found, ends)


def report(history: History, verdict: Verdict) -> Iterator[str]:
    """Yield the lines that a person reads: every violation, the story of each operation, and how to see it again."""
    if not verdict.violations:
        return
    told: set[int] = set()
    for violation in verdict.violations:
        yield f"VIOLATED {violation.invariant} ({violation.what}): {violation.sentence}"
        if violation.case is not None and id(violation.case) not in told and len(told) < _MOST:
            told.add(id(violation.case))
            yield tell(violation.case)
            yield ""
    yield f"seed {history.terms.seed}; the same run again: {history.terms.command}"
