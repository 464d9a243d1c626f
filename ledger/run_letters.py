"""The letters of a run: frozen with its plan, and followed until each has ended."""

import uuid
from collections.abc import Sequence
from dataclasses import dataclass

from ledger.letters import Wanted, matching
from ledger.session import Connection

#: An entity is what the first two parts of a business key name: order:1001 of order:1001:payment.
ENTITY = "substring({key} from '^[^:]+:[^:]+')"

# Operations that were accepted later and whose key begins alike are later work on the same entity.
_FREEZE = f"""
INSERT INTO lockgate.run_letters (run_id, letter_id, operation_id, fingerprint, asks_first, key_expired, later)
SELECT %(run_id)s, d.id, d.operation_id, d.fingerprint, false, false, EXISTS (
    SELECT FROM lockgate.business_keys k JOIN lockgate.operations p ON p.id = k.operation_id
    WHERE k.business_key ~>=~ ({ENTITY.format(key="o.business_key")} || ':')
        AND k.business_key ~<~ ({ENTITY.format(key="o.business_key")} || ';')
        AND k.tenant = o.tenant AND p.id <> o.id AND p.accepted_at > o.accepted_at)
FROM (SELECT * FROM lockgate.dead_letters d WHERE {{condition}} ORDER BY d.id LIMIT %(most)s) d
JOIN lockgate.operations o ON o.id = d.operation_id
"""  # noqa: S608  made of the constants above
_JUDGE = """
UPDATE lockgate.run_letters r SET asks_first = j.asks, key_expired = j.expired,
    state = CASE WHEN j.why = '' THEN 'waiting' ELSE 'skipped' END, why = nullif(j.why, '')
FROM unnest(%(letters)s::bigint[], %(asks)s::boolean[], %(expired)s::boolean[], %(why)s::text[])
    AS j(letter, asks, expired, why)
WHERE r.run_id = %(run_id)s AND r.letter_id = j.letter
"""
_COUNTS = "SELECT state, count(*) FROM lockgate.run_letters WHERE run_id = %s GROUP BY state"
_ITEMS = """
SELECT r.letter_id, r.operation_id, o.business_key, o.tenant, o.kind, r.state, r.why, r.asks_first, r.key_expired, r.later
FROM lockgate.run_letters r JOIN lockgate.operations o ON o.id = r.operation_id
WHERE r.run_id = %(run_id)s AND (%(state)s::text IS NULL OR r.state = %(state)s) AND r.letter_id > %(after)s
ORDER BY r.letter_id LIMIT %(limit)s
"""

# How those fare that are on their way: an end, or the dead letter of the epoch in which they were sent.
_OBSERVE = """
WITH ended AS (
    SELECT r.letter_id, CASE WHEN d.id IS NOT NULL AND d.status <> 'closed' THEN 'back'
            WHEN o.state IN ('succeeded', 'declined') THEN o.state ELSE 'gone' END AS state,
        CASE WHEN d.id IS NOT NULL THEN concat_ws(' ', 'dl_' || d.id || ':', d.reason, d.code, d.message) END AS why,
        d.fingerprint = r.fingerprint AS alike
    FROM lockgate.run_letters r JOIN lockgate.operations o ON o.id = r.operation_id
    LEFT JOIN lockgate.dead_letters d ON d.operation_id = r.operation_id AND d.epoch = r.epoch
    WHERE r.run_id = %(run_id)s AND r.state = 'sent'
        AND (d.id IS NOT NULL OR o.state IN ('succeeded', 'declined', 'dead', 'discarded', 'superseded'))
)
UPDATE lockgate.run_letters r SET state = ended.state, why = ended.why, alike = ended.alike
FROM ended WHERE r.run_id = %(run_id)s AND r.letter_id = ended.letter_id
RETURNING r.state
"""
_BACK = """
SELECT count(*), count(*) FILTER (WHERE alike), (SELECT why FROM lockgate.run_letters
    WHERE run_id = %(run_id)s AND state = 'back' ORDER BY letter_id DESC LIMIT 1)
FROM lockgate.run_letters WHERE run_id = %(run_id)s AND state = 'back' AND NOT forgiven
"""
_NEXT = """
SELECT letter_id FROM lockgate.run_letters WHERE run_id = %s AND state = 'waiting' ORDER BY letter_id LIMIT %s
"""
_MARK = """
UPDATE lockgate.run_letters SET state = %(state)s, why = %(why)s, epoch = %(epoch)s
WHERE run_id = %(run_id)s AND letter_id = %(letter_id)s AND state = 'waiting'
"""


@dataclass(frozen=True, slots=True)
class Counts:
    """How the letters of a run fare.

    Attributes:
        back: dead letters again.
        gone: discarded or superseded meanwhile.
        skipped: may not be requeued, or were no dead letters any more when it was their turn.
    """

    waiting: int = 0
    sent: int = 0
    succeeded: int = 0
    declined: int = 0
    back: int = 0
    gone: int = 0
    skipped: int = 0

    @property
    def total(self) -> int:
        """All letters of the plan."""
        return self.waiting + self.sent + self.ended

    @property
    def went(self) -> int:
        """Those that were sent at some time."""
        return self.sent + self.succeeded + self.declined + self.back + self.gone

    @property
    def ended(self) -> int:
        """Those of which it is known what became of them."""
        return self.succeeded + self.declined + self.back + self.gone + self.skipped


@dataclass(frozen=True, slots=True)
class Item:
    """One letter of a run."""

    letter_id: int
    operation_id: uuid.UUID
    business_key: str | None
    tenant: str
    kind: str
    state: str
    why: str | None
    asks_first: bool
    key_expired: bool
    later: bool


@dataclass(frozen=True, slots=True)
class Judged:
    """What a plan found out about one letter; `why` is empty where it may be requeued."""

    letter_id: int
    asks_first: bool
    key_expired: bool
    why: str


@dataclass(frozen=True, slots=True)
class Back:
    """Those that are dead letters again, and not forgiven.

    Attributes:
        alike: those of them that are so for the reason for which they had been.
        last: what the last one met.
    """

    count: int
    alike: int
    last: str | None


def freeze(connection: Connection, run_id: int, wanted: Wanted | Sequence[int], *, most: int) -> int:
    """Put the letters that are meant now into a plan, the oldest first and no more than `most`; how many they are."""
    if isinstance(wanted, Wanted):
        condition, values = matching(connection, wanted)
    else:
        condition, values = "d.id = ANY(%(ids)s)", {"ids": list(wanted)}
    values |= {"run_id": run_id, "most": most}
    return connection.execute(_FREEZE.format(condition=condition), values).rowcount


def frozen(connection: Connection, run_id: int) -> list[int]:
    """The letters of a plan."""
    rows = connection.execute(
        "SELECT letter_id FROM lockgate.run_letters WHERE run_id = %s ORDER BY letter_id", [run_id]
    )
    return [letter for (letter,) in rows.fetchall()]


def judge(connection: Connection, run_id: int, judged: Sequence[Judged]) -> None:
    """Write down what was found out about letters of a plan."""
    values = {
        "run_id": run_id, "letters": [one.letter_id for one in judged], "asks": [one.asks_first for one in judged],
        "expired": [one.key_expired for one in judged], "why": [one.why for one in judged],
    }  # fmt: skip
    connection.execute(_JUDGE, values)


def later_work(connection: Connection, run_id: int) -> int:
    """How many letters of a plan have later work on the same entity."""
    row = connection.execute(
        "SELECT count(*) FROM lockgate.run_letters WHERE run_id = %s AND later", [run_id]
    ).fetchone()
    return int(row[0]) if row else 0


def of_letter(connection: Connection, letter_id: int) -> list[tuple[int, str, str]]:
    """The runs that a letter is or was a part of: number, name, and how it fares in it."""
    query = """
        SELECT r.id, r.name, i.state FROM lockgate.run_letters i JOIN lockgate.runs r ON r.id = i.run_id
        WHERE i.letter_id = %s ORDER BY r.id DESC LIMIT 20"""
    return [(number, name, state) for number, name, state in connection.execute(query, [letter_id]).fetchall()]


def counts(connection: Connection, run_id: int) -> Counts:
    """How the letters of a run fare."""
    return Counts(**dict(connection.execute(_COUNTS, [run_id]).fetchall()))


def items(
    connection: Connection, run_id: int, *, state: str | None = None, after: int = 0, limit: int = 50
) -> list[Item]:
    """A page of a run's letters, in the order in which they go; `after` is the last letter of the page before."""
    values = {"run_id": run_id, "state": state, "after": after, "limit": limit}
    return [Item(*row) for row in connection.execute(_ITEMS, values).fetchall()]


def observe(connection: Connection, run_id: int) -> list[str]:
    """Look after those that are on their way; how those fared that have ended since the last look."""
    return [state for (state,) in connection.execute(_OBSERVE, {"run_id": run_id}).fetchall()]


def back(connection: Connection, run_id: int) -> Back:
    """Those that are dead letters again."""
    row = connection.execute(_BACK, {"run_id": run_id}).fetchone()
    assert row is not None
    return Back(*row)


def next_letters(connection: Connection, run_id: int, most: int) -> list[int]:
    """Whose turn it is."""
    return [letter for (letter,) in connection.execute(_NEXT, [run_id, most]).fetchall()]


def mark(
    connection: Connection, run_id: int, letter_id: int, state: str, *, epoch: int | None = None, why: str | None = None
) -> bool:
    """Say of a letter that waits that it was sent or skipped; False when somebody else did."""
    values = {"run_id": run_id, "letter_id": letter_id, "state": state, "epoch": epoch, "why": why}
    return connection.execute(_MARK, values).rowcount == 1
