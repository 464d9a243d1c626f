"""S8: each call carries the credential of its own tenant."""

from collections.abc import Iterator

from soak.checker.history import History
from soak.checker.violation import Violation


def check(history: History) -> Iterator[Violation]:
    """Yield calls made in another tenant's name."""
    for case in history.cases:
        known = history.terms.tenants.get(case.kind.provider, {})
        for request in case.requests:
            whose = known.get(request.tenant)
            if known and whose != case.tenant:
                sentence = f"{case.who} was called for with the credential of {whose or 'nobody that we know'}"
                yield Violation("S8", "wrong tenant", sentence, case)
