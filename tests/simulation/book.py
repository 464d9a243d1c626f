"""The ledger in simulated time: its rows, and its statements as functions.

That PostgreSQL does the same is shown by tests/ledger/test_the_simulations_ledger.py, which drives both through the same
histories. What follows from a decision is the platform's own `ledger.record.after`.
"""

from dataclasses import dataclass, field, replace
from random import Random
from typing import Any

from simulation.plan import TENANTS

from ledger.claim import Lease, Terms
from ledger.record import Pace, after
from ledger.release import POISONED
from operations.means import Means
from operations.operation import POISON, SUSPECT, Purpose, Standing
from operations.outcome import Effect
from operations.states import DUE, State, may_move
from resilience.decide import Decision, Settle

FAR = 1e18


@dataclass(frozen=True, slots=True)
class Kind:
    """What is declared of a kind."""

    name: str
    terms: Terms
    pace: Pace

    @property
    def means(self) -> Means:
        return self.terms.assurance.means

    @property
    def kept_for(self) -> float:
        return self.terms.assurance.kept_for if self.means is Means.KEY else 0.0


@dataclass(slots=True, eq=False)
class Row:
    """An operation, as the ledger's columns hold it."""

    number: int
    name: str
    generation: int
    kind: Kind
    rng: Random
    due: float
    deadline: float
    decide_at: float
    accepted: float
    tenant: str = TENANTS[0]
    chain: str = ""
    chord: str = ""
    follow_at: float = 0.0
    follow_failures: int = 0
    finalised: bool = False
    ended_at: float = 0.0  # to the judge alone
    state: State = State.WAITING
    reason: str | None = "new"
    effect: Effect = Effect.NONE
    failures: int = 0
    pending_trip: int | None = None
    fence: int = 0
    token: Any = None
    lease_until: float = 0.0
    worker: str = ""
    purpose: str | None = None
    hinted: float | None = None
    hint_epoch: int = 0
    first_sent: float | None = None
    send_until: float | None = None
    settle_from: float | None = None
    absent_at: float | None = None
    frozen: bool = False
    reference: str | None = None
    code: str | None = None
    inquiries: int = 0
    crashes: int = 0
    epoch: int = 1
    revoked_at: float | None = None
    letters: dict[int, str] = field(default_factory=dict)
    replies: dict[Any, tuple[int, str]] = field(default_factory=dict)
    purposes: dict[int, str] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)

    @property
    def follows(self) -> bool:
        """Whether something follows its success that is not known to be sent."""
        return bool(self.chain or self.chord) and not self.finalised

    @property
    def ref(self) -> str:
        """What it is, to the judge."""
        return f"{self.name}#{self.generation}"

    @property
    def key(self) -> str:
        """What the provider tells it by: it changes with the generation and with nothing else."""
        return f"{self.name}#{self.generation}"

    @property
    def body(self) -> str:
        """What is sent, as it was frozen when it was accepted."""
        return self.name


@dataclass(frozen=True, slots=True)
class Claimed:
    """An operation in somebody's hands."""

    row: Row
    lease: Lease
    lease_ends: float
    key_closes: float | None
    rounds: int


class Book:
    """All rows, and what PostgreSQL knows of itself."""

    def __init__(self) -> None:
        self.rows: list[Row] = []
        self.open: dict[int, Row] = {}
        self.current: dict[str, Row] = {}
        self.attempts: list[float] = []
        self.contradictions: list[Row] = []
        self.forbidden: list[str] = []
        self.pauses: dict[str, tuple[str, float]] = {}  # by tenant: the credentials that were refused, and since when
        self.unfinished: dict[int, Row] = {}
        self.parts: dict[str, set[str]] = {}
        self.released: set[str] = set()
        self.reap_after = self.calm_until = -FAR

    def accept(
        self,
        name: str,
        kind: Kind,
        now: float,
        rng: Random,
        *,
        tenant: str = TENANTS[0],
        chain: str = "",
        chord: str = "",
    ) -> bool:
        """Whether it is new; a repetition stands for what is there."""
        if name in self.current:
            return False
        self._insert(name, 0, kind, now, rng, tenant=tenant, chain=chain, chord=chord)
        return True

    def _insert(self, name: str, generation: int, kind: Kind, now: float, rng: Random, **more: str) -> Row:
        deadline = now + kind.pace.policy.give_up_after
        row = Row(len(self.rows), name, generation, kind, rng, now, deadline, deadline, now, **more)  # type: ignore[arg-type]
        self.rows.append(row)
        self.open[row.number] = self.current[name] = row
        return row

    def claim(
        self, row: Row, now: float, *, token: Any, trip: int, worker: str, asked_at: float, alone: bool = False
    ) -> Claimed | None:
        terms = row.kind.terms
        if not self._claimable(row, now) or (row.crashes >= SUSPECT and not alone):
            return None
        row.purpose = _purpose(row, now)
        if row.state is State.WAITING:
            self._note_send(row, now)
        row.fence += 1
        row.purposes[row.fence] = row.purpose
        row.failures += row.pending_trip is not None and row.pending_trip == trip
        row.token, row.worker, row.lease_until = token, worker, now + terms.lease
        row.hinted = row.pending_trip = None
        self._move(row, State.CALLING)
        self.attempts.append(now)
        left = max(0.0, max(row.settle_from or now, self.calm_until) - now)
        standing = self._standing(row, None if row.absent_at is None else now - row.absent_at, left)
        closes = None if row.send_until is None else asked_at + row.send_until - now
        return Claimed(row, self._lease(row, standing), asked_at + terms.lease, closes, row.inquiries)

    def _claimable(self, row: Row, now: float) -> bool:
        if row.state not in DUE or row.reason == "exhausted" or row.due > now or row.tenant in self.pauses:
            return False
        return row.state is not State.WAITING or (
            row.revoked_at is None
            and row.deadline > now + row.kind.terms.total
            and (row.kind.means in {Means.KEY, Means.UNIQUE} or self.calm_until < now)
        )

    def _note_send(self, row: Row, now: float) -> None:
        kind = row.kind
        forgotten = row.send_until is not None and row.send_until < now
        if row.first_sent is None or (kind.kept_for > 0 and row.effect is Effect.NONE and forgotten):
            row.first_sent = now
        renewed = row.send_until is None or (row.effect is Effect.NONE and row.send_until < now)
        if kind.kept_for > 0 and renewed:
            row.send_until = now + kind.kept_for - kind.terms.margin

    def record(
        self, lease: Lease, decision: Decision, now: float, *, heard: tuple[Any, str] | None, trip: int | None,
        crashes: int | None = None, reference: str | None = None,
    ) -> bool:  # fmt: skip
        """Write down what an attempt came to; `heard` is the reply's id and the outcome's name."""
        row = self.rows[lease.operation_id]  # type: ignore[call-overload]
        values = after(decision, lease, trip)
        is_known = heard is not None and heard[0] in row.replies
        if heard is not None:
            row.replies.setdefault(heard[0], (lease.fence, heard[1]))
        held = row.state is lease.state and row.fence == lease.fence and row.token == lease.token
        if held and (row.effect is not Effect.DONE or values["effect"] is Effect.DONE):
            if crashes is None:
                crashes = _crashes(row, None if heard is None else heard[1])
            self._write(row, values, lease, now, crashes=crashes)
            return True
        settled = heard is not None and self._settle_late(row, lease.fence, reference, done=heard[1] == "done")
        if is_known:
            return row.state is values["state"] and row.fence == lease.fence
        return settled and isinstance(decision, Settle) and decision.state is State.SUCCEEDED

    def _write(self, row: Row, values: dict[str, Any], lease: Lease, now: float, *, crashes: int) -> None:
        pace, sent, state = row.kind.pace, row.purpose == "send", values["state"]
        inquired = lease.state is State.CALLING and lease.standing.purpose is Purpose.INQUIRE
        if state is State.DEAD:
            row.letters.setdefault(row.epoch, "open")
        row.reason = None if values["reason"] is None else str(values["reason"])
        row.decide_at = self._decide_at(row, state, row.reason, now + values["delay"], now)
        if state is State.AWAITING and sent:
            row.deadline = max(row.deadline, now + pace.policy.answer_within)
        if sent and values["effect"] is Effect.UNKNOWN:
            row.settle_from = now + pace.settle
        elif sent and values["effect"] is Effect.NONE:
            row.settle_from = max(row.settle_from or now, now)
        if values["absent"]:
            row.absent_at = now if row.absent_at is None else row.absent_at
        elif not (values["effect"] is Effect.UNKNOWN and row.purpose is not None and not sent):
            row.absent_at = None
        row.inquiries += inquired
        row.crashes = crashes
        row.effect, row.failures, row.pending_trip = values["effect"], values["failures"], values["pending_trip"]
        row.due, row.frozen = now + values["delay"], values["frozen"]
        row.reference = values["reference"] or row.reference
        row.code = values["code"] or row.code
        self._free(row)
        self._move(row, state)
        row.ended_at = now

    def _decide_at(self, row: Row, state: State, reason: str | None, due: float, now: float) -> float:
        if reason == "exhausted":
            return due
        asked_again = row.state is State.CALLING and (
            (row.purpose == "await" and state is State.AWAITING)
            or (row.purpose == "inquire" and state is State.UNCONFIRMED and row.decide_at > row.deadline)
        )
        if asked_again:
            return row.decide_at
        if state is State.UNCONFIRMED:
            return max(row.deadline, now) + row.kind.pace.confirm_time
        if state is State.AWAITING:
            return max(row.deadline, now + row.kind.pace.policy.answer_within)
        return min(row.deadline, FAR if row.revoked_at is None else row.revoked_at)

    def _settle_late(self, row: Row, fence: int, reference: str | None, *, done: bool) -> bool:
        if not (done or row.effect is Effect.DONE):
            return False
        if row.state is State.SUCCEEDED:
            return True
        if row.state in {State.DECLINED, State.DISCARDED, State.SUPERSEDED}:
            self.contradictions.append(row)
            return False
        row.effect, row.reference = Effect.DONE, reference or row.reference
        if row.state is State.CALLING and row.fence != fence:
            return False
        row.reason = None
        row.letters.update({epoch: "closed" for epoch, status in row.letters.items() if status == "open"})
        self._free(row)
        self._move(row, State.SUCCEEDED)
        return True

    def release(self, row: Row, token: Any) -> bool:
        """Hand back what was never sent."""
        if row.token != token or row.state is not State.CALLING:
            return False
        back = {"send": State.WAITING, "await": State.AWAITING}.get(row.purpose or "", State.UNCONFIRMED)
        row.replies.setdefault(token, (row.fence, "released"))
        row.hinted = None
        self._free(row)
        self._move(row, back)
        return True

    def blame(self, row: Row, worker: str, now: float) -> bool:
        """It took down the process that carried it out alone."""
        if row.state is not State.CALLING or row.worker != worker:
            return False
        row.lease_until, row.reason = now, POISONED
        return True

    def lapse(self, worker: str, now: float) -> None:
        """A worker, or a part of one, is known to be dead."""
        for row in self.open.values():
            if row.state is State.CALLING and row.worker == worker:
                row.lease_until, row.worker = now, ""

    def lapsed(self, now: float) -> list[Row]:
        if self.reap_after >= now:
            return []
        return [row for row in self.open.values() if row.state is State.CALLING and row.lease_until < now]

    def overdue(self, now: float) -> list[tuple[Row, str]]:
        late = [row for row in self.open.values() if row.state in DUE and row.decide_at < now]
        return [(row, self._why(row, now)) for row in late]

    def _why(self, row: Row, now: float) -> str:
        if row.reason == "exhausted" and row.deadline > now:
            return "exhausted"
        return "revoked" if row.revoked_at is not None and row.revoked_at < now else "deadline"

    def stray(self, row: Row) -> Lease:
        """What entitles the sweep to decide about a row."""
        return self._lease(row, replace(self._standing(row, None, 0.0), poison=False))

    def pause(self, tenant: str, credential: str, now: float) -> None:
        self.pauses.setdefault(tenant, (credential, now))

    def lift(self, tenant: str, now: float) -> None:
        """Work flows again, and the time that it was held back does not count."""
        _, since = self.pauses.pop(tenant)
        for row in self.open.values():
            if row.tenant == tenant and row.state in DUE:
                held = now - max(since, row.accepted)
                row.decide_at += held if row.decide_at >= row.deadline else 0.0
                row.deadline += held

    def follow_ups(self, now: float, most: int) -> list[Row]:
        """What has succeeded while what follows is not known to be sent; each is looked at again later and later."""
        late = [row for row in self.to_follow if row.follow_at < now][:most]
        for row in late:
            row.follow_at = now + min(5 * 2.0**row.follow_failures, 3600.0)
            row.follow_failures += 1
        return late

    @property
    def to_follow(self) -> list[Row]:
        """What has succeeded while what follows is not known to be sent."""
        return [row for row in self.unfinished.values() if row.state is State.SUCCEEDED]

    def add_part(self, row: Row, size: int) -> bool:
        """Count a member of a chord, once; whether its body is to go out."""
        if row.chord in self.released:
            return False
        parts = self.parts.setdefault(row.chord, set())
        parts.add(row.name)
        return len(parts) >= size

    def finalise(self, row: Row) -> None:
        """What follows was sent."""
        row.finalised = True
        self.unfinished.pop(row.number, None)

    def revoke(self, row: Row, now: float) -> None:
        if row.state.ended:
            return
        row.revoked_at = now if row.revoked_at is None else row.revoked_at
        if row.state is State.WAITING:
            row.decide_at = min(row.decide_at, now)

    def requeue(self, row: Row, now: float, *, ask_first: bool) -> None:
        pace = row.kind.pace
        forgotten = row.send_until is None or row.send_until < now
        row.frozen = row.frozen and not (row.effect is Effect.NONE and forgotten)
        row.letters[row.epoch] = "requeued"
        row.epoch += 1
        row.fence += 1
        row.failures = row.inquiries = row.crashes = 0
        row.pending_trip = row.absent_at = row.revoked_at = row.hinted = None
        row.reason = None if ask_first else "new"
        row.due, row.deadline = now, now + pace.policy.give_up_after
        row.decide_at = row.deadline + (pace.confirm_time if ask_first else 0.0)
        self._move(row, State.UNCONFIRMED if ask_first else State.WAITING)

    def discard(self, row: Row) -> None:
        row.letters[row.epoch] = "discarded"
        self._move(row, State.DISCARDED)

    def rule_out(self, row: Row) -> None:
        """Nothing happened, a person has proved."""
        row.effect, row.reference = Effect.NONE, None

    def again(self, row: Row, now: float, rng: Random) -> Row | None:
        """The next generation, where the last one was declined or had no effect for sure."""
        if not (row.state is State.DECLINED or (row.state is State.DEAD and row.effect is Effect.NONE)):
            return None
        row.letters.update({epoch: "superseded" for epoch, status in row.letters.items() if status == "open"})
        self._move(row, State.SUPERSEDED)
        return self._insert(row.name, row.generation + 1, row.kind, now, rng, tenant=row.tenant)

    def _move(self, row: Row, state: State) -> None:
        if not may_move(row.state, state):
            self.forbidden.append(f"{row.ref}: {row.state} to {state}")
        if state.ended and not row.state.ended:
            row.ends[row.epoch] = row.ends.get(row.epoch, 0) + 1
            self.open.pop(row.number, None)
            if row.follows:
                self.unfinished[row.number] = row
        elif row.state.ended and not state.ended:
            self.open[row.number] = row
        row.state = state

    @staticmethod
    def _free(row: Row) -> None:
        row.purpose = row.token = None
        row.lease_until, row.worker = 0.0, ""

    @staticmethod
    def _lease(row: Row, standing: Standing) -> Lease:
        return Lease(row.number, "", "", row.kind.name, row.fence, standing, row.state, row.token)  # type: ignore[arg-type]

    @staticmethod
    def _standing(row: Row, absent_for: float | None, settle_left: float) -> Standing:
        calling = row.state is State.CALLING
        asking = row.purpose != "send" if calling else row.state is not State.WAITING
        return Standing(
            Purpose.INQUIRE if asking else Purpose.SEND,
            row.kind.terms.assurance, row.effect, row.failures,
            row.purpose == "await" if calling else row.state is State.AWAITING,
            row.frozen, row.reference, row.code, absent_for, settle_left, row.crashes >= POISON,
        )  # fmt: skip


def _crashes(row: Row, outcome: str | None) -> int:
    """How many claims in a row count as lost once this one has come to something."""
    if not row.crashes or row.purpose is None or outcome == "deferred" or row.crashes >= POISON:
        return row.crashes
    if row.purpose == "send":
        return 0
    sends = [(fence, name) for fence, name in row.replies.values() if row.purposes[fence] == "send"]
    answered = max((fence for fence, name in sends if name not in {"lost", "deferred", "released"}), default=0)
    return min(row.crashes, sum(name == "lost" and fence > answered for fence, name in sends))


def _purpose(row: Row, now: float) -> str:
    if row.state is State.AWAITING:
        return "await"
    doubtful = row.effect is Effect.UNKNOWN and (row.send_until is None or row.send_until < now)
    return "inquire" if row.state is State.UNCONFIRMED or doubtful else "send"
