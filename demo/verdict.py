"""Is it true? Joins the caller's log, the ledger and the sandbox's journal, and names everything that does not fit.

The rules, for every operation that the caller was told is accepted:

- it is in the ledger (else it is *lost*) and has ended (else it is *stuck*);
- *succeeded*: exactly one effect at the provider, under the reference that the ledger gives;
- *declined*, and *dead* or *discarded* with effect *none*: no effect; *done*: one; *unknown*: none or one, never two;
- *superseded*: no effect; the next generation that a person opened is judged in its place;
- two effects under one key are *doubled*, whatever the ledger says, and so is one key with two operations.

A *maybe* may be there or not; a later step of a chain is there if the step before succeeded, and only then. Effects that
belong to no operation of the caller's, and operations that nobody asked for, are *unasked*.
"""

from collections import Counter, defaultdict
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Literal

from demo.asked import Asked
from demo.journal import Effect
from demo.rows import Row

What = Literal["lost", "stuck", "doubled", "misreported", "unasked"]
ENDS = frozenset({"succeeded", "declined", "dead", "discarded", "superseded"})
#: How many effects each end allows.
ALLOWED = {
    ("succeeded", ""): (1, 1),
    ("declined", ""): (0, 0),
    ("superseded", ""): (0, 0),
    **{
        (given_up, effect): many
        for given_up in ("dead", "discarded")
        for effect, many in (("none", (0, 0)), ("unknown", (0, 1)), ("done", (1, 1)))
    },
}
#: What counts as the effect of a kind; anything else that stands under its key counts as well, as something left open.
EFFECTS = {
    "stripe.take_payment": "charge", "stripe.start_payment": "intent", "stripe.capture_payment": "capture",
    "stripe.refund_payment": "refund", "stripe.create_customer": "customer", "postmark.send_email": "email",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that is not as promised."""

    what: What
    who: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Verdict:
    """All of it.

    Attributes:
        accepted: operations that the caller was told are accepted, each once, later steps once they came.
        raised: calls that raised, so that the caller could not know.
        maybe: operations of such calls that no later call with the same key was told of.
        ends: how many ended how: `succeeded`, `declined`, `dead/none`, …; what has not ended by its state.
        effects: effects that stand at the providers.
        problems: what is not as promised.
    """

    accepted: int
    raised: int
    maybe: int
    ends: Counter[str]
    effects: int
    problems: list[Problem]
    keys: frozenset[str]

    def count(self, what: What) -> int:
        """How many problems of one sort there are."""
        return sum(1 for problem in self.problems if problem.what == what)


def judge(asked: Sequence[Asked], rows: Iterable[Row], effects: Iterable[Effect], *, ended: bool = True) -> Verdict:
    """Compare the three.

    Args:
        asked: the caller's log.
        rows: the ledger's tickets.
        effects: the journal's.
        ended: whether everything must have ended by now.
    """
    return _Court(asked, rows, effects, ended=ended).verdict()


def without(providers: Collection[str], asked: Sequence[Asked], rows: Iterable[Row]) -> tuple[list[Asked], list[Row]]:
    """Leave out providers whose journal nobody keeps, and later steps of chains, which may follow one of theirs."""
    if not providers:
        return list(asked), list(rows)
    left = {one.ticket for one in asked if one.after}
    judged = [one for one in asked if not one.after and one.kind.partition(".")[0] not in providers]
    kept = [row for row in rows if row.kind.partition(".")[0] not in providers and row.ticket not in left]
    return judged, kept


class _Court:
    def __init__(self, asked: Sequence[Asked], rows: Iterable[Row], effects: Iterable[Effect], *, ended: bool) -> None:
        listed = list(rows)
        self._ended = ended
        self._asked = asked
        self._by_ticket = {row.ticket: row for row in listed}
        self._next = {row.supersedes: row for row in listed if row.supersedes}
        self._by_key = {(row.tenant, row.kind, row.key): row for row in listed if row.key}
        self._standing = [effect for effect in effects if effect.standing]
        self._by_business: dict[tuple[str, bool], list[Effect]] = defaultdict(list)
        for effect in self._standing:
            self._by_business[effect.business, effect.name == "capture"].append(effect)
        self._operations: dict[tuple[str, str, str], str] = {}
        self._claimed: set[tuple[str, str, str]] = set()
        self._judged: dict[str, Row] = {}
        self._problems: list[Problem] = []

    def verdict(self) -> Verdict:
        accepted = {one.ticket: one for one in self._asked if one.answer == "accepted"}
        known = {(one.tenant, one.kind, one.key) for one in accepted.values() if one.key}
        maybe = {(one.tenant, one.kind, one.key) for one in self._asked if one.answer == "maybe"} - known
        came = sum(self._judge_accepted(one) for one in accepted.values())
        for identity in maybe:
            if identity in self._by_key:
                self._judge_row(self._by_key[identity])
        for row in list(self._judged.values()):
            for later in self._later(row):
                self._judge_row(later)
        self._find_unasked()
        ends = Counter(_end(row) for row in self._judged.values())
        keys = frozenset(row.idempotency_key for row in self._judged.values())
        raised = sum(1 for one in self._asked if one.answer == "maybe")
        return Verdict(came, raised, len(maybe), ends, len(self._standing), self._problems, keys)

    def _judge_accepted(self, one: Asked) -> bool:
        """Whether it counts as an operation: a later step whose turn never came does not."""
        row = self._by_ticket.get(one.ticket)
        before = self._by_ticket.get(one.after) if one.after else None
        before = before and [before, *self._later(before)][-1]
        if one.after and (before is None or before.state != "succeeded"):
            if row is not None:
                self._problem("misreported", one.ticket, f"{one.kind} was begun though the step before did not succeed")
            return False
        if row is None:
            if self._ended or not one.after:  # a later step comes a moment after the one before
                what: What = "lost"
                self._problem(what, one.key or one.ticket, f"{one.kind} was accepted and is not in the ledger")
            return True
        if one.key and self._operations.setdefault((one.tenant, one.kind, one.key), row.operation) != row.operation:
            self._problem("doubled", one.key, f"{one.kind} asked for twice became two operations")
        seen = row.operation in self._judged
        self._judge_row(row, payment=before.reference if before else "")
        return not seen

    def _later(self, row: Row) -> Iterator[Row]:
        """The generations that people opened after this one."""
        while row.operation in self._next:
            row = self._next[row.operation]
            yield row

    def _judge_row(self, row: Row, *, payment: str = "") -> None:
        if row.operation in self._judged:
            return
        self._judged[row.operation] = row
        found = self._effects_of(row, payment)
        self._claimed |= {(e.provider, e.name, e.reference) for e in found}
        who = f"{row.kind} {row.key or row.ticket}"
        if len(found) > 1:
            self._problem("doubled", who, f"{len(found)} effects: {', '.join(e.reference for e in found)}")
        elif row.state not in ENDS:
            if self._ended:
                self._problem("stuck", who, f"is {row.state} ({row.reason}), operation {row.operation}")
        else:
            self._compare(row, found, who)

    def _compare(self, row: Row, found: list[Effect], who: str) -> None:
        least, most = ALLOWED[row.state, row.effect if row.state in {"dead", "discarded"} else ""]
        if not least <= len(found) <= most:
            there = ", ".join(f"{e.name} {e.reference}" for e in found) or "nothing"
            self._problem("misreported", who, f"{_end(row)} ({row.reason or row.code}), at the provider: {there}")
        elif row.state == "succeeded" and (found[0].name, found[0].reference) != (EFFECTS[row.kind], row.reference):
            self._problem("misreported", who, f"succeeded as {row.reference}, at the provider: {found[0]}")

    def _effects_of(self, row: Row, payment: str) -> list[Effect]:
        if row.kind == "stripe.capture_payment":  # a capture stands under the key of the payment that it captures
            return [e for e in self._standing if e.name == "capture" and e.reference == (payment or row.reference)]
        return self._by_business[row.idempotency_key, False]

    def _find_unasked(self) -> None:
        for row in self._by_ticket.values():
            if row.operation not in self._judged and not self._is_later_step(row):
                self._problem("unasked", row.key or row.ticket, f"{row.kind} is in the ledger, and nobody asked for it")
        for effect in self._standing:
            if (effect.provider, effect.name, effect.reference) not in self._claimed:
                self._problem(
                    "unasked", effect.reference, f"{effect.name} at {effect.provider} belongs to no operation"
                )

    def _is_later_step(self, row: Row) -> bool:
        """It has been judged already, as one that should not be."""
        return any(one.ticket == row.ticket for one in self._asked)

    def _problem(self, what: What, who: str, sentence: str) -> None:
        self._problems.append(Problem(what, who, sentence))


def _end(row: Row) -> str:
    return f"dead/{row.effect}" if row.state == "dead" else row.state
