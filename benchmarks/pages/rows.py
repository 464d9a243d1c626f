"""A long past, made by PostgreSQL itself in a ledger with the real tables and indexes."""

import sys
import time

import psycopg

_BATCH = 250_000

_LANES = """
INSERT INTO lockgate.lanes (queue, tenant, provider, kind, priority, task)
SELECT p.provider, 'tenant-' || n, p.provider, p.kind, 0, p.task FROM generate_series(1, 40) n, (VALUES
    ('stripe', 'stripe.take_payment', 'tasks.payments.take_payment'),
    ('postmark', 'postmark.send_email', 'tasks.mail.send_email')) p (provider, kind, task)
"""
# One in ten is dead, the newest of each thousand waits, and the oldest hundred were declined: a rare state, far back.
# In the last hour there were ten a second; before that they lie a second apart.
_OPERATIONS = """
INSERT INTO lockgate.operations (id, lane_id, tenant, provider, kind, business_key_id, business_key, idempotency_key,
    ticket_id, state, effect, reason, error_class, due_at, deadline_at, decide_at, accepted_at, ended_at, reference)
SELECT m.id, l.id, l.tenant, l.provider, l.kind, md5(n::text)::uuid, 'order:' || n || ':payment', md5(n::text),
    'ticket-' || n, m.state, CASE m.state WHEN 'succeeded' THEN 'done' ELSE 'none' END,
    CASE m.state WHEN 'dead' THEN 'exhausted' WHEN 'waiting' THEN 'backoff' END,
    CASE m.state WHEN 'dead' THEN 'transient' END, m.at, m.at + interval '1 day', m.at + interval '1 day', m.at,
    CASE WHEN m.state <> 'waiting' THEN m.at END, CASE m.state WHEN 'succeeded' THEN 'pi_' || n END
FROM generate_series(%(first)s::bigint, %(last)s::bigint) n,
LATERAL (SELECT
    ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid AS id,
    CASE WHEN n <= 100 THEN 'declined' WHEN n %% 10 = 0 AND n / 10 <= %(letters)s THEN 'dead'
        WHEN %(all)s - n < %(waiting)s AND n %% 10 = 1 THEN 'waiting' ELSE 'succeeded' END AS state,
    now() - CASE WHEN %(all)s - n < 36000 THEN (%(all)s - n) * interval '0.1 second'
        ELSE interval '1 hour' + (%(all)s - n - 36000) * interval '1 second' END AS at) m,
LATERAL (SELECT * FROM lockgate.lanes WHERE id = 1 + (n / 7) %% 80) l
"""
_KEYS = """
INSERT INTO lockgate.business_keys (id, tenant, provider, kind, business_key, operation_id, digest, schema_version)
SELECT business_key_id, tenant, provider, kind, business_key, id, '', 1 FROM lockgate.operations
WHERE id BETWEEN %(from)s AND %(to)s
"""
_TICKETS = """
INSERT INTO lockgate.tickets (id, operation_id) SELECT ticket_id, id FROM lockgate.operations
WHERE id BETWEEN %(from)s AND %(to)s
"""
_LETTERS = """
INSERT INTO lockgate.dead_letters (operation_id, epoch, tenant, provider, kind, reason, error_class, effect, code, message,
    fingerprint, dead_at)
SELECT id, 1, tenant, provider, kind, reason, error_class, effect, 'http_503', 'the provider is busy',
    'print-' || (('x' || right(id::text, 6))::bit(24)::int / 10) %% 500, accepted_at
FROM lockgate.operations WHERE id BETWEEN %(from)s AND %(to)s AND state = 'dead'
"""
# What was tried: of all dead ones and of the last hour.
_ATTEMPTS = """
INSERT INTO lockgate.attempts (operation_id, number, purpose, lane_id, worker, lease_until, started_at)
SELECT id, 1, 'send', lane_id, 'w1', accepted_at, accepted_at FROM lockgate.operations
WHERE id BETWEEN %(from)s AND %(to)s AND (state = 'dead' OR accepted_at > now() - interval '1 hour') AND state <> 'waiting'
"""
_REPLIES = """
INSERT INTO lockgate.replies (operation_id, number, id, outcome, effect, error_class, status, elapsed, heard_at)
SELECT o.id, 1, gen_random_uuid(), CASE o.state WHEN 'dead' THEN 'failed' ELSE 'succeeded' END, o.effect, o.error_class,
    CASE o.state WHEN 'dead' THEN 503 ELSE 200 END, 0.2, o.accepted_at
FROM lockgate.operations o WHERE o.id BETWEEN %(from)s AND %(to)s AND (o.state = 'dead'
    OR o.accepted_at > now() - interval '1 hour') AND o.state <> 'waiting'
"""
_AUDIT = """
INSERT INTO lockgate.audit (at, actor, action, target, because)
SELECT now() - (%(letters)s - n) * interval '1 second', 'ann', 'requeue', 'print-' || n, 'it is over'
FROM generate_series(1, %(letters)s / 10) n
"""


# One tenant has five, the oldest dead ones of all: everybody's is between them and the newest page.
_FEW = """
WITH few AS (
    INSERT INTO lockgate.lanes (queue, tenant, provider, kind, priority, task)
    VALUES ('stripe', 'few', 'stripe', 'stripe.take_payment', 0, 'tasks.payments.take_payment') RETURNING id
), theirs AS (
    UPDATE lockgate.operations SET tenant = 'few', lane_id = few.id FROM few WHERE operations.id IN (
        SELECT id FROM lockgate.operations WHERE state = 'dead' ORDER BY id LIMIT 5)
    RETURNING operations.id
)
UPDATE lockgate.dead_letters SET tenant = 'few' FROM theirs WHERE operation_id = theirs.id
"""


def fill(url: str, *, operations: int, letters: int, waiting: int = 20_000) -> None:
    """Fill an empty ledger; of so many of the newest each tenth waits."""
    began = time.monotonic()
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SET synchronous_commit = off")
        connection.execute(_LANES)
        for first in range(1, operations + 1, _BATCH):
            last = min(first + _BATCH - 1, operations)
            ids = {"from": _id(first), "to": _id(last)}
            numbers = {"first": first, "last": last, "all": operations, "letters": letters, "waiting": waiting}
            with connection.transaction():
                connection.execute(_OPERATIONS, numbers)
                for statement in (_KEYS, _TICKETS, _LETTERS, _ATTEMPTS, _REPLIES):
                    connection.execute(statement, ids)
            _tell(f"{last:,} operations in {time.monotonic() - began:.0f} s")
        connection.execute(_AUDIT, {"letters": letters})
        connection.execute(_FEW)
        if sys.stdout.isatty():
            print()
        connection.execute("VACUUM (ANALYZE)")


def _tell(how_far: str) -> None:
    """One line that changes on a terminal, lines elsewhere."""
    start, end = ("\r", "") if sys.stdout.isatty() else ("", "\n")
    print(f"{start}{how_far}", end=end, flush=True)


def _id(number: int) -> str:
    return f"01900000-0000-7000-8000-{number:012x}"
