"""The ledger that the simulation plays with is this one: both are driven through the same histories, under one clock."""

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from random import Random
from typing import Any

import psycopg
import pytest
from given.ledger import LANE, item
from simulation.book import FAR, Book, Claimed, Kind, Row
from simulation.planted import PLANTS

from ledger import lapsed, letters, pauses, reopen
from ledger.accept import accept
from ledger.claim import Lease, Terms, claim
from ledger.record import Heard, Letter, Pace, record
from ledger.release import blame, lapse, release
from ledger.session import Ledger
from operations.means import Assurance, Means
from operations.operation import RetryPolicy
from operations.outcome import Effect
from operations.states import Reason, State
from resilience.decide import Await, Confirm, Decision, Park, Retry, Settle
from tasks.revoke import _WISH

BEGAN = datetime(2026, 1, 1, tzinfo=UTC)
STEPS = 150
KINDS = [
    Kind(
        f"acme.{means.name.lower()}",
        Terms(Assurance(means, 40.0 if means is Means.KEY else 0.0, settle=4.0), lease=6.0, total=3.0),
        Pace(RetryPolicy(give_up_after=60.0, answer_within=20.0), settle=4.0, confirm_time=12.0),
    )
    for means in Means
]
_CLOCK = """
CREATE SCHEMA simulated;
CREATE TABLE simulated.clock (at timestamptz NOT NULL);
CREATE FUNCTION simulated.statement_timestamp() RETURNS timestamptz LANGUAGE sql STABLE AS 'SELECT at FROM simulated.clock';
"""
_ROW = """
SELECT state, reason, effect, failures, pending_trip, fence, purpose, inquiries, crashes, frozen, reference, code, epoch,
    due_at, deadline_at, decide_at, settle_from, absent_at, first_sent_at, send_until, lease_until, revoked_at
FROM lockgate.operations WHERE id = %s
"""
_LETTERS = "SELECT epoch, status FROM lockgate.dead_letters WHERE operation_id = %s"


@pytest.fixture
def clocked(database_url: str, data_key: str) -> Iterator[Ledger]:
    """A ledger whose PostgreSQL takes its time from a table."""
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute(_CLOCK)
        connection.execute("INSERT INTO simulated.clock VALUES (%s)", [BEGAN])
        connection.execute("UPDATE lockgate.ledger SET reap_after = '-infinity', calm_until = '-infinity'")
        name = database_url.rpartition("/")[2]
        connection.execute(f"ALTER DATABASE {name} SET search_path = simulated, pg_catalog")
    opened = Ledger(database_url, data_key)
    yield opened
    opened.close()


class Both:
    """One history, written into both ledgers.

    Args:
        ledger: the real one.
        seed: of the history.
    """

    def __init__(self, ledger: Ledger, seed: int) -> None:
        self.ledger, self.book, self.rng, self.now = ledger, Book(), Random(seed), 0.0
        self.ids: list[uuid.UUID] = []
        self.tickets: list[str] = []
        self.held: list[tuple[Claimed, Lease]] = []
        for number, kind in enumerate(KINDS):
            asked = item(f"order:{number}", lane=replace(LANE, kind=kind.name), give_up_after=60.0)
            accept(ledger, [asked])
            self.book.accept(f"o{number}", kind, 0.0, self.rng)
            self.ids.append(asked.operation_id)
            self.tickets.append(asked.ticket_id)
        with ledger.connection() as connection:  # its default is the real time
            connection.execute("UPDATE lockgate.operations SET accepted_at = %s", [BEGAN])

    def step(self) -> str:
        """Do one thing to both, and see that they agree."""
        acts: list[Callable[[], str]] = [
            self.wait, self.claim, self.claim, self.record, self.record, self.sweep, self.sweep, self.release, self.lapse,
            self.revoke, self.decide, self.decide, self.restart, self.hold, self.blame,
        ]  # fmt: skip
        said = self.rng.choice(acts)()
        for row in self.book.rows:
            assert self.real(row) == self.played(row), f"{row.ref} at {self.now:g}, after {said}"
        return said

    def wait(self) -> str:
        self.now += self.rng.choice([0.25, 1.0, 2.0, 5.0, 15.0])
        with self.ledger.connection() as connection:
            connection.execute("UPDATE simulated.clock SET at = %s", [BEGAN + timedelta(seconds=self.now)])
        return "time went by"

    def claim(self) -> str:
        row, token, trip = self.some(), uuid.uuid4(), self.rng.randrange(3)
        alone = self.rng.random() < 0.7
        real = claim(
            self.ledger, self.tickets[row.number], row.kind.terms, worker="w1/1", trip=trip, token=token, alone=alone,
            clock=lambda: self.now,
        )  # fmt: skip
        played = self.book.claim(
            row, self.now, token=token, trip=trip, worker="w1/1", asked_at=self.now, alone=alone
        )  # fmt: skip
        assert (real is None) == (played is None), f"a claim of {row.ref} at {self.now:g}"
        if real is not None and played is not None:
            assert real.lease.standing == played.lease.standing
            assert (real.lease_ends, real.key_closes, real.rounds) == (
                played.lease_ends, played.key_closes, played.rounds,
            )  # fmt: skip
            self.held.append((played, real.lease))
        return f"a claim of {row.ref}"

    def record(self) -> str:
        if not self.held:
            return "nothing"
        played, real = self.rng.choice(self.held)  # also one that has long been written, or lost
        decision, done = self.decision(), self.rng.random() < 0.3
        reply, crashes = uuid.uuid4(), self.rng.choice([None, None, None, 1, 2, 3])
        outcome = "deferred" if self.rng.random() < 0.2 else "done" if done else "heard"
        if crashes is not None and self.rng.random() < 0.7:
            outcome = "lost"
        heard = Heard(
            outcome, Effect.DONE if outcome == "done" else Effect.UNKNOWN, reference="late", crashes=crashes,
            reply_id=reply,
        )  # fmt: skip
        trip = self.rng.choice([None, 1])
        wrote = record(
            self.ledger, real, decision, heard=heard, pace=played.row.kind.pace, letter=Letter("f"), trip=trip
        )  # fmt: skip
        also = self.book.record(
            played.lease, decision, self.now, heard=(reply, outcome), trip=trip, crashes=crashes, reference="late"
        )
        assert wrote == also, decision
        return f"{decision} of claim {played.lease.fence}"

    def sweep(self) -> str:
        with self.ledger.connection() as connection:
            gone = lapsed.lapsed(connection, self.assurance, known=self.known, limit=100)
            late = lapsed.overdue(connection, self.assurance, known=self.known, limit=100)
        also_gone, also_late = self.book.lapsed(self.now), self.book.overdue(self.now)
        assert {stray.lease.operation_id for stray in gone} == {self.ids[row.number] for row in also_gone}
        assert {(stray.lease.operation_id, stray.why) for stray in late} == {
            (self.ids[row.number], why) for row, why in also_late
        }
        for stray in (*gone, *late):
            row = self.book.rows[self.ids.index(stray.lease.operation_id)]
            mine = self.book.stray(row)
            assert stray.lease.standing == mine.standing
            decision = self.decision()
            record(self.ledger, stray.lease, decision, heard=None, pace=row.kind.pace, letter=Letter("f"))
            self.book.record(mine, decision, self.now, heard=None, trip=None)
        return "a sweep"

    def release(self) -> str:
        if not self.held:
            return "nothing"
        played, real = self.rng.choice(self.held)
        assert real.token is not None
        assert release(self.ledger, real.token, "x") == self.book.release(played.row, real.token)
        return "a release"

    def lapse(self) -> str:
        lapse(self.ledger, "w1/1")
        self.book.lapse("w1/1", self.now)
        return "the end of a worker"

    def hold(self) -> str:
        """A tenant's credentials are refused, or others are set."""
        tenant, (row, *_) = LANE.tenant, self.book.rows
        held = row.tenant in self.book.pauses
        if self.rng.random() < (0.1 if held else 0.8):
            return "nothing"
        with self.ledger.connection() as connection:
            if held:
                pauses.lift(connection, LANE.provider, causes=("connection",), tenant=tenant)
                self.book.lift(row.tenant, self.now)
                return "a lift"
            pauses.pause(connection, LANE.provider, cause="connection", by="x", because="x", tenant=tenant)
            connection.execute("UPDATE lockgate.pauses SET since = statement_timestamp() WHERE lifted_at IS NULL")
        self.book.pause(row.tenant, "x", self.now)
        return "a pause"

    def blame(self) -> str:
        row = self.some()
        assert blame(self.ledger, self.tickets[row.number], "w1/1") == self.book.blame(row, "w1/1", self.now)
        return f"the blame of {row.ref}"

    def revoke(self) -> str:
        row = self.some()
        if self.rng.random() < 0.7:
            return "nothing"
        with self.ledger.connection() as connection:
            connection.execute(_WISH, [[self.tickets[row.number]]])
        self.book.revoke(row, self.now)
        return f"a revoke of {row.ref}"

    def decide(self) -> str:
        """A person's turn."""
        dead = [row for row in self.book.rows if row.letters.get(row.epoch) == "open"]
        if not dead:
            return "nothing"
        row = self.rng.choice(dead)
        what, number = self.rng.choice(["requeue", "requeue", "requeue", "rule_out"]), self.ids[row.number]
        ask = self.rng.random() < 0.5
        with self.ledger.transaction() as connection:
            letter = connection.execute(
                "SELECT id FROM lockgate.dead_letters WHERE operation_id = %s AND status = 'open'", [number]
            ).fetchone()
            assert letter is not None
            if what == "requeue":
                lane = reopen.lane(self.ledger, connection, number, spare=False)
                reopen.requeue(connection, number, lane_id=lane, ask_first=ask, give_up_after=60.0, confirm_time=12.0)
                letters.close(connection, letter[0], status="requeued", by="ada")
            else:
                reopen.rule_out(connection, number)
        if what == "requeue":
            self.book.requeue(row, self.now, ask_first=ask)
        else:
            self.book.rule_out(row)
        return f"{what} of {row.ref}"

    def restart(self) -> str:
        """PostgreSQL came back, after a failover or not."""
        if self.rng.random() < 0.7:
            return "nothing"
        calm = self.rng.choice([-FAR, self.now + 10.0])
        self.book.reap_after, self.book.calm_until = self.now + 6.0, calm
        with self.ledger.connection() as connection:
            connection.execute(
                "UPDATE lockgate.ledger SET reap_after = %s, calm_until = %s",
                [self.date(self.book.reap_after), self.date(calm)],
            )
        return "a restart"

    @property
    def known(self) -> list[str]:
        return [kind.name for kind in KINDS]

    def some(self) -> Row:
        return self.rng.choice(self.book.rows)

    def decision(self) -> Decision:
        rng, effect = self.rng, self.rng.choice([Effect.NONE, Effect.UNKNOWN])
        delay, failures = rng.choice([0.0, 0.5, 4.0]), rng.randrange(1, 6)
        match rng.randrange(9):
            case 0:
                return Settle(State.SUCCEEDED, Effect.DONE, "pi_1")
            case 1:
                return Settle(State.DECLINED, Effect.NONE, None, "card_declined")
            case 2 | 3:
                reason = rng.choice([Reason.BACKOFF, Reason.RATE, Reason.BREAKER, Reason.EXHAUSTED])
                return Retry(delay, reason, effect, failures, tentative=rng.random() < 0.5)
            case 4 | 5 | 6:
                return Confirm(delay, Effect.UNKNOWN, failures, absent=rng.random() < 0.5, frozen=rng.random() < 0.3)
            case 7:
                return Await(delay, rng.choice([None, "pi_2"]))
            case _:
                return Park("client", effect)

    @staticmethod
    def assurance(kind: str) -> Assurance:
        return next(one.terms.assurance for one in KINDS if one.name == kind)

    @staticmethod
    def date(seconds: float) -> Any:
        return "-infinity" if seconds == -FAR else BEGAN + timedelta(seconds=seconds)

    def real(self, row: Row) -> Any:
        with self.ledger.connection() as connection:
            found = connection.execute(_ROW, [self.ids[row.number]]).fetchone()
            said = dict(connection.execute(_LETTERS, [self.ids[row.number]]).fetchall())
        assert found is not None
        seconds = [round((one - BEGAN).total_seconds(), 3) if isinstance(one, datetime) else one for one in found]
        return seconds, said

    def played(self, row: Row) -> Any:
        times = [row.due, row.deadline, row.decide_at, row.settle_from, row.absent_at, row.first_sent, row.send_until]
        lease = row.lease_until if row.state is State.CALLING else None
        return [
            row.state, row.reason, row.effect, row.failures, row.pending_trip, row.fence, row.purpose, row.inquiries,
            row.crashes, row.frozen, row.reference, row.code, row.epoch,
            *(None if at is None else round(at, 3) for at in (*times, lease, row.revoked_at)),
        ], row.letters  # fmt: skip


@pytest.mark.parametrize("seed", range(12))
def test_both_ledgers_say_the_same_after_every_step(clocked: Ledger, seed: int) -> None:
    both = Both(clocked, seed)
    done = {both.step().split(" of ")[0] for _ in range(STEPS)}
    assert {"time went by", "a claim", "a sweep", "a release", "the end"} <= done


@pytest.mark.parametrize("bug", ["decision_put_off", "late_proof_thrown_away"])
def test_a_difference_between_them_is_seen(clocked: Ledger, bug: str, monkeypatch: pytest.MonkeyPatch) -> None:
    PLANTS[bug].put(monkeypatch)
    both = Both(clocked, 0)
    with pytest.raises(AssertionError):
        for _ in range(10 * STEPS):
            both.step()
