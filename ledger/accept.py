"""Accept operations: key, row, body and ticket in one statement, one verdict for each."""

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from enum import StrEnum
from operator import attrgetter
from typing import Any

import psycopg
from psycopg.generators import send
from pydantic import TypeAdapter

from ledger.lanes import LaneKey, lane_ids
from ledger.session import Connection, Ledger
from operations import keys
from operations.errors import AcceptBusy
from operations.request import Request
from operations.states import State

Meanwhile = Callable[[], object] | None

#: Writes JSON in half the time that `json` takes. It cannot write half a surrogate pair or NaN; drafting refuses both.
_json = TypeAdapter[Any](Any).dump_json


class Answer(StrEnum):
    """What became of one item."""

    ACCEPTED = "accepted"
    EXISTING = "existing"
    CONFLICT = "conflict"


@dataclass(slots=True)  # not frozen: that would take five times as long to make
class Acceptance:
    """One operation that asks to be accepted; nobody changes it.

    Attributes:
        ticket_id: the Celery task id.
        business_key: None for an intent that has no name; it is deduplicated by its ticket alone.
        given: the caller's own fields, those equal to their default left out; what a repetition must match.
        arguments: all fields, for people and for inquiries.
        request: frozen; None for a plain task.
        message: the Celery message, where it holds more than the hint; sealed with the ticket.
        follows: whether something follows its end (links, a chain, a chord).
        due_in: seconds until it may be carried out.
        give_up_after: seconds from then until it must be decided.
        expires_in: seconds after which it shall not be sent any more.
        hint: whether the caller publishes a hint at once if it may.
    """

    ticket_id: str
    lane: LaneKey
    idempotency_key: str
    business_key: str | None = None
    schema_version: int = 1
    given: Mapping[str, Any] = field(default_factory=dict)
    arguments: Mapping[str, Any] = field(default_factory=dict)
    request: Request | None = None
    message: Mapping[str, Any] | None = None
    follows: bool = False
    due_in: float = 0.0
    give_up_after: float = 86_400.0
    expires_in: float | None = None
    hint: bool = True
    operation_id: uuid.UUID = field(default_factory=keys.new_id)


@dataclass(slots=True)  # see above
class Verdict:
    """The answer to one acceptance; nobody changes it.

    Attributes:
        operation_id: the new operation, or the one that holds the key.
        hint: a hint at this ticket should be published now.
        why: what stands against it, of a conflict.
    """

    answer: Answer
    operation_id: uuid.UUID
    hint: bool
    state: State = State.WAITING
    why: str = ""


@dataclass(slots=True)  # see above
class Row:
    """What accepting one operation stores: what it says itself, what is derived from that, and what is sealed of it.

    Attributes:
        lane_id: filled in by `accept`.
    """

    item: Acceptance
    business_key_id: uuid.UUID | None
    digest: bytes
    body: bytes
    message: bytes | None
    lane_id: int = 0


#: Each column's type, and where a row holds it.
_COLUMNS = {
    "id": ("uuid", "item.operation_id"), "ticket_id": ("text", "item.ticket_id"), "lane_id": ("bigint", "lane_id"),
    "tenant": ("text", "item.lane.tenant"), "provider": ("text", "item.lane.provider"),
    "kind": ("text", "item.lane.kind"), "business_key_id": ("uuid", "business_key_id"),
    "business_key": ("text", "item.business_key"), "schema_version": ("smallint", "item.schema_version"),
    "digest": ("bytea", "digest"), "idempotency_key": ("text", "item.idempotency_key"), "body": ("bytea", "body"),
    "message": ("bytea", "message"), "follows": ("boolean", "item.follows"), "due_in": ("float8", "item.due_in"),
    "give_up_after": ("float8", "item.give_up_after"), "expires_in": ("float8", "item.expires_in"),
    "hint": ("boolean", "item.hint"),
}  # fmt: skip
#: What the operations of one call have in common, mostly; an array of it would only repeat it.
_COMMON = (
    "lane_id", "tenant", "provider", "kind", "schema_version", "message", "follows", "due_in", "give_up_after",
    "expires_in", "hint",
)  # fmt: skip
_OWN = [name for name in _COLUMNS if name not in _COMMON]
_read = {name: attrgetter(where) for name, (_, where) in _COLUMNS.items()}
_common_of = attrgetter(*(_COLUMNS[name][1] for name in _COMMON))


def _parameters(names: Iterable[str], *, many: bool = False) -> str:
    # Arrays go in PostgreSQL's binary form: writing one as text takes psycopg eight times as long.
    form, array = ("b", "[]") if many else ("s", "")
    return ", ".join(f"%({name}){form}::{_COLUMNS[name][0]}{array}" for name in names)


_SOME = f"unnest({_parameters(_COLUMNS, many=True)}) WITH ORDINALITY"
_ALIKE = f"(SELECT own.*, {_parameters(_COMMON)} FROM unnest({_parameters(_OWN, many=True)}) WITH ORDINALITY AS own)"  # noqa: S608  our names
_ONE = f"(VALUES ({_parameters(_COLUMNS)}, 1))"  # most are: no arrays to make and take apart
#: The number of a row in its batch: of two with the same key the first goes in, whatever order a sort leaves them in.
_PLACE = "place"

_ACCEPT = """
WITH asked AS (
    SELECT *, statement_timestamp() + due_in * interval '1 second' AS due_at,
        statement_timestamp() + expires_in * interval '1 second' AS expires_at
    FROM {items} AS item({columns})
), fresh_key AS (
    INSERT INTO lockgate.business_keys
        (id, tenant, provider, kind, business_key, operation_id, digest, schema_version)
    SELECT business_key_id, tenant, provider, kind, business_key, id, digest, schema_version
    FROM asked WHERE business_key_id IS NOT NULL ORDER BY business_key_id, place
    ON CONFLICT (id) DO NOTHING
    RETURNING operation_id
), fresh AS (
    INSERT INTO lockgate.operations
        (id, lane_id, tenant, provider, kind, business_key_id, business_key, idempotency_key, ticket_id,
         due_at, deadline_at, expires_at, decide_at, hinted_at, hint_epoch, cleared, effect,
         first_sent_at)
    SELECT asked.id, lane_id, asked.tenant, asked.provider, asked.kind, business_key_id, business_key,
        idempotency_key, ticket_id, due_at, due_at + give_up_after * interval '1 second', expires_at,
        least(due_at + give_up_after * interval '1 second', expires_at),
        CASE WHEN hint AND due_in <= 0 AND lanes.paced_until < statement_timestamp() THEN statement_timestamp() END,
        ledger.hint_epoch, ledger.trusted,
        CASE WHEN ledger.trusted < ledger.restores AND asked.provider <> 'local' THEN 'unknown' ELSE 'none' END,
        CASE WHEN ledger.trusted < ledger.restores AND asked.provider <> 'local' THEN ledger.restored_to END
    FROM asked JOIN lockgate.lanes ON lanes.id = asked.lane_id CROSS JOIN lockgate.ledger
    WHERE business_key_id IS NULL OR asked.id IN (SELECT operation_id FROM fresh_key)
    RETURNING id, hinted_at IS NOT NULL AS hint
), fresh_body AS (
    INSERT INTO lockgate.bodies (operation_id, sealed) SELECT id, body FROM asked JOIN fresh USING (id)
), fresh_ticket AS (
    INSERT INTO lockgate.tickets (id, operation_id, sealed, follows)
    SELECT ticket_id, id, message, follows FROM asked JOIN fresh USING (id)
)
SELECT id, hint FROM fresh
"""
_ACCEPT_SOME = _ACCEPT.format(items=_SOME, columns=", ".join([*_COLUMNS, _PLACE]))
_ACCEPT_ALIKE = _ACCEPT.format(items=_ALIKE, columns=", ".join([*_OWN, _PLACE, *_COMMON]))
_ACCEPT_ONE = _ACCEPT.format(items=_ONE, columns=", ".join([*_COLUMNS, _PLACE]))

_HOLDERS = """
SELECT id, operation_id, digest, schema_version, (SELECT state FROM lockgate.operations WHERE id = operation_id)
FROM lockgate.business_keys WHERE id = ANY(%(ids)s)
"""

# An end that is written while this is not yet committed does not see the ticket; so it is looked at again.
_ALIAS = """
WITH added AS (
    INSERT INTO lockgate.tickets (id, operation_id, sealed, alias, follows, follow_at)
    SELECT %(ticket_id)s, id, %(message)s, true, %(follows)s,
        CASE WHEN NOT %(follows)s THEN 'infinity'
            WHEN state IN ('succeeded', 'declined', 'dead', 'discarded', 'superseded')
            THEN statement_timestamp() + interval '5 seconds' ELSE statement_timestamp() + interval '60 seconds' END
    FROM (SELECT id, state FROM lockgate.operations WHERE id = %(operation_id)s FOR SHARE) o
    ON CONFLICT (id) DO NOTHING
    RETURNING operation_id
)
SELECT operation_id FROM added
UNION ALL SELECT operation_id FROM lockgate.tickets WHERE id = %(ticket_id)s
LIMIT 1
"""

_KNOWN = """
SELECT id, business_key_id, state FROM lockgate.operations
WHERE id = (SELECT operation_id FROM lockgate.tickets WHERE id = %s)
"""


def rows_of(ledger: Ledger, items: Iterable[Acceptance]) -> list[Row]:
    """What accepting them stores, but for the id of the lane; `accept` makes it unless somebody has made it ahead."""
    return [_row(ledger, item) for item in items]


def accept(
    ledger: Ledger, items: Sequence[Acceptance], connection: Connection | None = None, *,
    rows: Sequence[Row] | None = None, meanwhile: Meanwhile = None,
) -> list[Verdict]:  # fmt: skip
    """Accept operations, with one verdict for each, in order.

    Without a connection they are committed when this returns. Doing it again with the same tickets changes nothing, so a
    caller who lost the answer repeats it.

    Args:
        ledger: where.
        items: what.
        connection: the caller's, in a transaction of the caller's.
        rows: of these items, where they have been made ahead.
        meanwhile: done while PostgreSQL works, where there is no such transaction; it may be done twice, and raises nothing.

    Raises:
        AcceptBusy: another transaction holds one of the keys and does not commit.
        psycopg.OperationalError: PostgreSQL went away; it is not known whether it was committed.
    """
    rows = rows_of(ledger, items) if rows is None else rows
    lanes = lane_ids(ledger, [item.lane for item in items])
    for item, row in zip(items, rows, strict=True):
        row.lane_id = lanes[item.lane]
    if connection is not None:
        return _accept_in(ledger, connection, items, rows, meanwhile)
    with ledger.connection() as own:
        return _accept_in(ledger, own, items, rows, meanwhile)


def _accept_in(
    ledger: Ledger, connection: Connection, items: Sequence[Acceptance], rows: Sequence[Row], meanwhile: Meanwhile
) -> list[Verdict]:
    fresh = _insert(connection, rows, meanwhile)
    if len(fresh) == len(items):  # as nearly always
        return [Verdict(Answer.ACCEPTED, item.operation_id, fresh[item.operation_id]) for item in items]
    left = [row for row in rows if row.item.operation_id not in fresh]
    with connection.transaction():  # in the caller's, a savepoint; in ours, one commit for all
        held = _answer_the_rest(ledger, connection, left)
    return [
        held.get(item.operation_id) or Verdict(Answer.ACCEPTED, item.operation_id, fresh[item.operation_id])
        for item in items
    ]


def _insert(connection: Connection, rows: Sequence[Row], meanwhile: Meanwhile = None) -> dict[uuid.UUID, bool]:
    """Insert what is new; the operations inserted, each with whether a hint at it is due now.

    A savepoint, where there is a transaction, keeps the caller's alive when another one is in the way. Inside one batch
    the first of two equal keys is inserted and the second meets it.
    """
    statement, values = _statement(rows)
    try:
        if connection.autocommit and connection.info.transaction_status is psycopg.pq.TransactionStatus.IDLE:
            found = _committed(connection, statement, values, meanwhile)
        else:
            with _waiting_briefly(connection):
                found = connection.execute(statement, values).fetchall()
    except psycopg.errors.LockNotAvailable:
        raise AcceptBusy(rows[0].item.business_key) from None
    except psycopg.errors.UniqueViolation as error:
        if error.diag.constraint_name not in {"tickets_pkey", "operations_pkey"}:
            raise
        return _insert_singly(connection, rows)
    return dict(found)


def _committed(
    connection: Connection, statement: str, values: Mapping[str, Any], meanwhile: Meanwhile
) -> list[tuple[Any, ...]]:
    """What a statement returns in a transaction of its own, which PostgreSQL commits while `meanwhile` is done here.

    The commit is sent with it: nothing is locked for as long as `meanwhile` takes.
    """
    if meanwhile is None:
        return connection.execute(statement, values).fetchall()
    try:
        with connection.pipeline():
            connection.execute("BEGIN")
            cursor = connection.execute(statement, values)
            connection.execute("COMMIT")
            connection.wait(send(connection.pgconn))  # of what is large a part still waits, and the commit comes last
            meanwhile()
    except psycopg.Error:
        with suppress(psycopg.OperationalError):  # what is lost has nothing to roll back
            connection.rollback()
        raise
    except BaseException:  # Ctrl-C or a timer's, wherever the driver was: nobody may use its connection again
        connection.close()
        raise
    return cursor.fetchall()


def _statement(rows: Sequence[Row]) -> tuple[str, Mapping[str, Any]]:
    if len(rows) == 1:
        return _ACCEPT_ONE, _values(rows[0])
    common = _common_of(rows[0])
    alike = all(_common_of(row) == common for row in rows)
    values = {name: list(map(_read[name], rows)) for name in (_OWN if alike else _COLUMNS)}
    return (_ACCEPT_ALIKE, values | _values(rows[0], _COMMON)) if alike else (_ACCEPT_SOME, values)


def _values(row: Row, names: Iterable[str] = tuple(_COLUMNS)) -> dict[str, Any]:
    return {name: _read[name](row) for name in names}


@contextmanager
def _waiting_briefly(connection: Connection) -> Iterator[None]:
    """A savepoint in the caller's transaction, with our patience for locks inside and the caller's own again after it.

    The first statement begins a transaction that the caller has opened and not used yet; without it the savepoint would
    be the transaction, and its end the commit.
    """
    row = connection.execute("SELECT current_setting('lock_timeout')").fetchone()
    with connection.transaction():
        connection.execute("SELECT set_config('lock_timeout', '2000', true)")
        yield
        connection.execute("SELECT set_config('lock_timeout', %s, true)", row)


def _insert_singly(connection: Connection, rows: Sequence[Row]) -> dict[uuid.UUID, bool]:
    """A ticket among them is known already: the others go in without it."""
    fresh: dict[uuid.UUID, bool] = {}
    for row in rows:
        known = connection.execute(_KNOWN, [row.item.ticket_id]).fetchone()
        if known is None:
            fresh |= _insert(connection, [row])
    return fresh


def _answer_the_rest(ledger: Ledger, connection: Connection, left: Sequence[Row]) -> dict[uuid.UUID, Verdict]:
    """What was not inserted meets the operation that holds its key, or its ticket."""
    ids = [row.business_key_id for row in left if row.business_key_id is not None]
    holders = {holder[0]: holder[1:] for holder in connection.execute(_HOLDERS, {"ids": ids}).fetchall()}
    return {
        row.item.operation_id: _meet(ledger, connection, row.item, row, holders.get(row.business_key_id))
        for row in left
    }


def _meet(
    ledger: Ledger, connection: Connection, item: Acceptance, row: Row, holder: tuple[Any, ...] | None
) -> Verdict:
    if holder is None:
        return _known_ticket(connection, item, row)
    operation_id, digest, schema_version, state = holder
    if digest != keys.digest(ledger.secret, schema_version=schema_version, given=item.given):
        return Verdict(Answer.CONFLICT, operation_id, False, State(state), "other arguments")
    alias = {
        "ticket_id": item.ticket_id,
        "operation_id": operation_id,
        "message": _sealed_message(ledger, item),
        "follows": item.follows,
    }
    found = connection.execute(_ALIAS, alias).fetchone()
    if found is not None and found[0] != operation_id:
        return Verdict(Answer.CONFLICT, found[0], False, State(state), f"task id {item.ticket_id} is taken")
    return Verdict(Answer.EXISTING, operation_id, item.follows and State(state).ended, State(state))


def _known_ticket(connection: Connection, item: Acceptance, row: Row) -> Verdict:
    known = connection.execute(_KNOWN, [item.ticket_id]).fetchone()
    if known is None:
        raise RuntimeError(f"{item.ticket_id} was neither inserted nor found")
    operation_id, key_id, state = known
    if key_id != row.business_key_id:
        return Verdict(Answer.CONFLICT, operation_id, False, State(state), f"task id {item.ticket_id} is taken")
    return Verdict(Answer.EXISTING, operation_id, False, State(state))


def _row(ledger: Ledger, item: Acceptance) -> Row:
    lane, secret, key = item.lane, ledger.secret, item.business_key
    names = {"tenant": lane.tenant, "provider": lane.provider, "kind": lane.kind}
    body = {"arguments": dict(item.arguments), "request": item.request.to_json() if item.request else None}
    return Row(
        item,
        business_key_id=None if key is None else keys.business_key_id(secret, business_key=key, **names),
        digest=keys.digest(secret, schema_version=item.schema_version, given=item.given),
        body=ledger.sealer.seal_bytes(_json(body), column="bodies", tenant=lane.tenant, row=str(item.operation_id)),
        message=_sealed_message(ledger, item),
    )


def _sealed_message(ledger: Ledger, item: Acceptance) -> bytes | None:
    if item.message is None:
        return None
    return ledger.sealer.seal(item.message, column="tickets", tenant=item.lane.tenant, row=item.ticket_id)


_NEXT = """
WITH fresh AS (
    UPDATE lockgate.business_keys SET operation_id = %(id)s, generation = %(generation)s, digest = %(digest)s,
        schema_version = %(schema_version)s
    WHERE id = %(business_key_id)s
), fresh_operation AS (
    INSERT INTO lockgate.operations
        (id, lane_id, tenant, provider, kind, business_key_id, business_key, generation, supersedes, idempotency_key,
         ticket_id, due_at, deadline_at, expires_at, decide_at, cleared, effect,
         first_sent_at)
    SELECT %(id)s, %(lane_id)s, %(tenant)s, %(provider)s, %(kind)s, %(business_key_id)s, %(business_key)s,
        %(generation)s, %(supersedes)s, %(idempotency_key)s, %(ticket_id)s, t.due_at,
        t.due_at + %(give_up_after)s * interval '1 second', t.expires_at,
        least(t.due_at + %(give_up_after)s * interval '1 second', t.expires_at), ledger.trusted,
        CASE WHEN ledger.trusted < ledger.restores THEN 'unknown' ELSE 'none' END,
        CASE WHEN ledger.trusted < ledger.restores THEN ledger.restored_to END
    FROM (SELECT statement_timestamp() + %(due_in)s * interval '1 second' AS due_at,
        statement_timestamp() + %(expires_in)s::float8 * interval '1 second' AS expires_at) AS t
    CROSS JOIN lockgate.ledger
), fresh_body AS (
    INSERT INTO lockgate.bodies (operation_id, sealed) VALUES (%(id)s, %(body)s)
)
INSERT INTO lockgate.tickets (id, operation_id, sealed, follows)
VALUES (%(ticket_id)s, %(id)s, %(message)s, %(follows)s)
"""


def insert_generation(
    ledger: Ledger, connection: Connection, item: Acceptance, lane_id: int, *, key_id: uuid.UUID, generation: int,
    supersedes: uuid.UUID,
) -> None:  # fmt: skip
    """Insert the next generation of a key, whose row the caller has locked; the sweep hints at it."""
    values = _values(_row(ledger, item))
    values |= {"lane_id": lane_id, "business_key_id": key_id, "generation": generation, "supersedes": supersedes}
    connection.execute(_NEXT, values)
