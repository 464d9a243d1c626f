"""R17: after a restore from a backup nothing is done twice, and what nobody can ask about is a person's turn.

The ledger has forgotten what was asked for, tried and heard since the backup; the client's log of before is therefore not
conserved, and it asks again for everything. What was sent before the restore has no attempt that the ledger knows.
"""

from collections.abc import Iterator
from dataclasses import replace

from soak.checker import conserved, effects, fenced, isolated, limited, patient, truthful
from soak.checker.history import History
from soak.checker.violation import Violation

_UNKNOWN_BEFORE = frozenset({"sent unasked", "sent before the intent"})  # judged of what came after the restore alone


def judge(history: History, *, restored: float, trusted: float) -> list[Violation]:
    """Judge a run that was restored in the middle.

    Args:
        history: of the whole run; the client's lines are those after the restore.
        restored: wall time at which PostgreSQL was up again.
        trusted: wall time at which it was said that everybody had asked again.
    """
    whole = (conserved, effects, truthful, isolated, limited, patient)
    found = [violation for check in whole for violation in check.check(history)]
    found += [one for one in fenced.check(history) if one.what not in _UNKNOWN_BEFORE]
    after = [
        replace(case, requests=[one for one in case.requests if one.at > restored])
        for case in history.cases
        if all(attempt["at"] > restored for operation in case.operations for attempt in operation.attempts)
    ]
    found += [
        one for one in fenced.check(replace(history, cases=after, strange_sends=[])) if one.what in _UNKNOWN_BEFORE
    ]
    return found + list(_unasked(history, restored, trusted))


def _unasked(history: History, restored: float, trusted: float) -> Iterator[Violation]:
    """Of means X nothing is sent before it is said that what is new is new; what was not known to be done is in review."""
    for case in history.cases:
        if case.kind.means != "X":
            continue
        if sent := [one for one in case.writes if restored < one.at < trusted]:
            sentence = (
                f"{case.who} (means X) was sent at {sent[0].at:.3f}, and it may have been done before the restore"
            )
            yield Violation("R17", "sent after a restore", sentence, case)
        operation, early = case.operation, [one for one in case.writes if one.at < restored]
        known = operation is not None and operation.state in {"succeeded", "declined", "dead"}
        if early and not known:
            yield Violation("R17", "not in review", f"{case.who} (means X) is not a person's turn", case)
