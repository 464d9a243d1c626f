"""What became of what was asked for: by the client's log, the provider's journal, and what the subject says of it."""

from collections import Counter
from dataclasses import dataclass

from soak.checker.history import Case, History

COLUMNS = ("lost", "doubled", "wrongly failed", "wrongly done", "never told", "gave up, rightly said", "says: unknown")


@dataclass(frozen=True, slots=True)
class Count:
    """Of one run.

    Attributes:
        accepted: what the client was told is taken.
        found: how many of them went wrong in which way.
    """

    accepted: int
    found: Counter[str]

    def per_ten_thousand(self, what: str) -> str:
        """As the table has it."""
        count = self.found[what] * 10_000 / max(self.accepted, 1)
        return "0" if not count else f"{count:,.0f}"


def count(history: History, means: str = "KNQX") -> Count:
    """Count one run.

    Args:
        history: of the run, joined.
        means: only kinds of these.
    """
    accepted = [case for case in history.cases if case.accepted and case.kind.means in means]
    found: Counter[str] = Counter()
    for case in accepted:
        found.update(what_became(case))
    return Count(len(accepted), found)


def what_became(case: Case) -> list[str]:
    """What is to be said of one; nothing where all is well.

    *lost*: it was taken, nothing happened, and nobody was ever told. *doubled*: it happened more than once. *wrongly
    failed*: it is called failed, and happened. *wrongly done*: the other way. *never told*: it happened, and still counts
    as pending. *gave up, rightly said*: called failed, and did not happen. *says: unknown*: a person is asked.
    """
    # A payment that waits for its customer (`open`) is not a payment, for good or ill.
    operation, effects = case.operation, sum(1 for effect in case.standing if effect.name == case.kind.effect)
    found = ["doubled"] if effects > 1 else []
    if operation is None or not operation.ended:
        found.append("never told" if effects else "lost")
    elif operation.end in {"dead/none", "declined"}:
        if effects:
            found.append("wrongly failed")
        elif operation.end == "dead/none":
            found.append("gave up, rightly said")
    elif operation.end == "dead/unknown":
        found.append("says: unknown")
    elif operation.end == "succeeded" and not effects:  # nor what a person has discarded, nor what an edit has replaced
        found.append("wrongly done")
    return found
