"""A run of the soak made by hand: one payment, one mail, one thing and one ping, each done once and told truly."""

import dataclasses
from typing import Any

from soak.checker.asked import Asked
from soak.checker.history import History, join
from soak.checker.journal import Effect, Journal, Request
from soak.checker.ledger import Dump, Operation
from soak.checker.terms import Kind, Limit, Terms

TERMS = Terms(
    seed=7,
    command="python -m soak --seed=7",
    kinds=(
        Kind("stripe.take_payment", "K", "charge", "order:{}:payment", "/v1/payment_intents"),
        Kind("postmark.send_email", "Q", "email", "mail:{}", "/email"),
        Kind("plain.make_thing", "N", "thing", "thing:{}", "/things"),
        Kind("plain.send_ping", "X", "ping", "ping:{}", "/pings"),
    ),
    limits=(Limit("stripe", 3, 1.0), Limit("plain", 2, 0.0)),
    totals={"postmark": 2.0},
    tenants={"stripe": {"d1": "acme", "d2": "globex"}, "postmark": {"d1": "acme"}, "plain": {"d1": "acme"}},
)
TABLES = {"operations", "tickets", "attempts", "replies", "dead_letters"}


class Made:
    """The three sources, to be bent before they are joined."""

    def __init__(self) -> None:
        self.asked: list[Asked] = []
        self.journal = Journal()
        self.dump = Dump(told=set(TABLES))
        for number, kind in enumerate(TERMS.kinds):
            self._live_through(kind, at=100.0 + 10 * number)

    def history(self, *, ended: bool = True) -> History:
        joined = join(TERMS, self.asked, self.dump, self.journal)
        joined.ended = ended
        return joined

    def operation(self, kind: str) -> Operation:
        return next(one for one in self.dump.operations if one.kind == kind)

    def effect(self, kind: str) -> Effect:
        mark = self.operation(kind).marks[0]
        return next(one for one in self.journal.effects if one.mark == mark)

    def request(self, kind: str) -> Request:
        mark = self.operation(kind).marks[0]
        return next(one for one in self.journal.requests if one.mark == mark)

    def again(self, what: Any, **changes: Any) -> Any:
        """A copy with changes, added to the journal."""
        copy = dataclasses.replace(what, **changes)
        (self.journal.effects if isinstance(what, Effect) else self.journal.requests).append(copy)
        return copy

    def _live_through(self, kind: Kind, *, at: float) -> None:
        name, key, mark = f"w-{kind.effect}", kind.key.format(f"w-{kind.effect}"), f"lg_{kind.effect}"
        ticket, reference = f"ticket-{kind.effect}", f"ref_{kind.effect}"
        about = (name, "acme", kind.name, key)
        self.asked += [Asked(at, *about, "asking"), Asked(at + 0.1, *about, "accepted", ticket)]
        operation = Operation(
            f"op-{kind.effect}", "acme", kind.name, key, "succeeded", "done", [mark], reference=reference,
            fence=1, accepted_at=at + 0.05, ended_at=at + 1.0, tickets=[ticket],
        )  # fmt: skip
        operation.attempts = [
            {
                "operation": operation.id,
                "number": 1,
                "purpose": "send",
                "worker": "w1",
                "at": at + 0.5,
                "lease_until": at + 4,
            }
        ]
        operation.replies = [self.reply(operation, 1, at + 0.9)]
        self.dump.operations.append(operation)
        request = Request(
            seq=int(at), at=at + 0.6, mono=at + 0.6, provider=kind.provider, method="POST", path=kind.path, tenant="d1",
            mark=mark, key=mark, body="b1", crowd=(1, 1), fault="", variant="", form="", limited=False, status=200,
            how="sent",
        )  # fmt: skip
        self.journal.requests.append(request)
        self.journal.effects.append(
            Effect(at + 0.7, kind.provider, kind.effect, mark, reference, "d1", frozenset({name}))
        )

    @staticmethod
    def reply(operation: Operation, number: int, at: float, outcome: str = "succeeded") -> dict[str, Any]:
        return {
            "operation": operation.id, "number": number, "outcome": outcome, "error_class": None, "effect": "done",
            "status": 200, "code": None, "reference": None, "late": False, "at": at,
        }  # fmt: skip

    @staticmethod
    def attempt(operation: Operation, number: int, at: float) -> dict[str, Any]:
        return {
            "operation": operation.id, "number": number, "purpose": "send", "worker": "w2", "at": at, "lease_until": at + 4,
        }  # fmt: skip
