"""S8: each call carries the credential of its own tenant."""

from collections.abc import Iterator

from soak.checker.history import History
from soak.checker.violation import Violation


def check(history: History) -> Iterator[Violation]:
    """Yield calls made in another tenant's name, and those made in nobody's that is known."""
    for case in history.cases:
        known = history.terms.tenants.get(case.kind.provider, {})
        for request in case.requests:
            whose = known.get(request.tenant, case.tenant)  # whom nobody knows, it is told of below
            if whose != case.tenant:
                sentence = f"{case.who} was called for with the credential of {whose}"
                yield Violation("S8", "wrong tenant", sentence, case)
    for request in history.journal.requests:
        known = history.terms.tenants.get(request.provider, {})
        if known and request.tenant not in known:
            sentence = f"{request.provider} was called ({request.seq}) with the credential of nobody that we know"
            yield Violation("S8", "wrong tenant", sentence)
