"""A broken promise."""

from dataclasses import dataclass

from soak.checker.history import Case


@dataclass(frozen=True, slots=True)
class Violation:
    """One thing that is not as promised.

    Attributes:
        invariant: its name in docs/proof.md.
        what: one word for the sort: lost, stuck, doubled, …
        sentence: what is wrong.
        case: whose story shows it, where it is about one operation.
    """

    invariant: str
    what: str
    sentence: str
    case: Case | None = None
