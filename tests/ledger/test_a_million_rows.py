"""A ledger that holds a million operations costs no more per step than an empty one.

Counted in pages that PostgreSQL touches, which no busy machine changes; benchmarks/ measures the time.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from given.ledger import LANE, TERMS, item, success

from ledger import accept as accepting
from ledger import claim as claiming
from ledger import due, found, groups, history, lapsed, letters, record, related, reopen, successes, waiting
from ledger.accept import accept
from ledger.claim import Wanted, claim
from ledger.session import Connection, Ledger
from operations.outcome import Effect
from operations.states import State
from resilience.decide import Settle

# 700,000 ended; 299,000 due in one lane behind a limit; 1,000 others, one in each of 1,000 tenants.
_FILL = """
INSERT INTO lockgate.lanes (queue, tenant, provider, kind, priority, task)
SELECT 'acme', 'tenant-' || n, 'acme', 'acme.make', 0, 'tasks.acme.make' FROM generate_series(1, 1000) n;
INSERT INTO lockgate.operations (id, lane_id, tenant, provider, kind, business_key_id, business_key, idempotency_key,
    ticket_id, state, effect, due_at, deadline_at, decide_at)
SELECT ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid,
    CASE WHEN n > 999000 THEN n - 999000 + (SELECT min(id) FROM lockgate.lanes WHERE tenant = 'tenant-1') - 1
        ELSE (SELECT id FROM lockgate.lanes WHERE tenant = 'default') END,
    'default', 'acme', 'acme.make', md5(n::text)::uuid, 'order:' || n, md5(n::text), 'ticket-' || n,
    CASE WHEN n <= 700000 THEN 'succeeded' ELSE 'waiting' END, CASE WHEN n <= 700000 THEN 'done' ELSE 'none' END,
    now() - interval '1 hour', now() + interval '1 day', now() + interval '1 day'
FROM generate_series(1, 1000000) n;
INSERT INTO lockgate.business_keys (id, tenant, provider, kind, business_key, operation_id, digest, schema_version)
SELECT business_key_id, tenant, provider, kind, business_key, id, '', 1 FROM lockgate.operations
ON CONFLICT DO NOTHING;
INSERT INTO lockgate.tickets (id, operation_id) SELECT ticket_id, id FROM lockgate.operations ON CONFLICT DO NOTHING;
INSERT INTO lockgate.bodies (operation_id, sealed) SELECT id, decode(repeat('00', 400), 'hex') FROM lockgate.operations
ON CONFLICT DO NOTHING;
INSERT INTO lockgate.dead_letters (operation_id, epoch, tenant, provider, kind, reason, error_class, effect, code,
    fingerprint, dead_at)
SELECT o.id, 1, 'tenant-' || n % 40, 'acme', 'acme.make', 'exhausted', 'transient', 'none', 'http_503', 'print-' || n % 50,
    now() - n * interval '0.01 second'
FROM generate_series(1, 50000) n JOIN lockgate.operations o
    ON o.id = ('01900000-0000-7000-8000-' || lpad(to_hex(n), 12, '0'))::uuid;
ANALYZE lockgate.operations, lockgate.business_keys, lockgate.tickets, lockgate.lanes, lockgate.dead_letters;
"""


@pytest.fixture(scope="module")
def full(make_database: Callable[[], str], data_key: str) -> Iterator[Ledger]:
    ledger = Ledger(make_database(), data_key)
    accept(ledger, [item("first")])
    with psycopg.connect(ledger.url, autocommit=True) as connection:
        for statement in _FILL.split(";\n"):
            connection.execute(statement)
    yield ledger
    ledger.close()


@pytest.fixture(scope="module")
def lists(full: Ledger, data_key: str) -> Iterator[Ledger]:
    """As the admin reads it."""
    ledger = Ledger(full.url, data_key, one_plan=False)
    yield ledger
    ledger.close()


def pages(connection: Connection, statement: str, values: Mapping[str, Any] | list[Any]) -> int:
    """Pages that one run of a statement touches, once its plan and the catalogue are warm.

    PostgreSQL itself tells of the run: an EXPLAIN would be planned with the values, and a prepared statement need not be.
    """
    told: list[str] = []
    connection.execute(
        "LOAD 'auto_explain'; SET client_min_messages = log; SET auto_explain.log_min_duration = 0; "
        "SET auto_explain.log_analyze = on; SET auto_explain.log_buffers = on; SET auto_explain.log_format = json; "
        "SET auto_explain.log_parameter_max_length = 0",
        prepare=False,
    )

    def hear(said: psycopg.errors.Diagnostic) -> None:
        told.append((said.message_primary or "").partition("plan:")[2])

    connection.add_notice_handler(hear)
    for _ in range(2):
        told.clear()
        with connection.transaction(force_rollback=True):
            connection.execute(statement, values)
    connection.remove_notice_handler(hear)
    (plan,) = filter(None, told)
    root = json.loads(plan)["Plan"]
    return int(root["Shared Hit Blocks"] + root["Shared Read Blocks"])


def test_accept_claim_record_and_sweep_touch_few_pages_among_a_million_operations(full: Ledger) -> None:
    asked = item("new")
    row = accepting._row(full, asked)
    row.lane_id = full.lanes[LANE]
    one = accepting._values(row)
    several = {name: [value] for name, value in one.items()}
    with full.connection() as connection:
        assert pages(connection, accepting._ACCEPT_ONE, one) < 120
        assert pages(connection, accepting._ACCEPT_SOME, several) < 120
    accept(full, [asked])
    held = claim(full, asked.ticket_id, TERMS, worker="w")
    assert held is not None
    other = item("other")
    accept(full, [other])
    claim_values = claiming._values([Wanted(other.ticket_id, TERMS, 0, None, uuid4())], "w")
    record_values = (
        record._lease_values(held.lease)
        | record._reply_values(full, held.lease, None)
        | record._pace_values(record.Pace(policy=record.RetryPolicy(), settle=1.0, confirm_time=1.0))
        | record._letter_values(record.Letter(""))
        | record.after(Settle(State.SUCCEEDED, Effect.DONE, "r"), held.lease, None)
        | {"ticket_id": asked.ticket_id}
    )
    with full.connection() as connection:
        assert pages(connection, claiming._CLAIM, claim_values) < 80
        assert pages(connection, record._RECORD, record_values) < 60
        assert pages(connection, successes._SUCCEEDED, successes._values(full, [success(held)])) < 60
        assert pages(connection, lapsed._LAPSED, {"limit": 100, "known": ["acme.make"]}) < 20
        assert pages(connection, lapsed._OVERDUE, {"limit": 100, "known": ["acme.make"]}) < 20
        epoch = {"epoch": 0, "stale": "{}"}
        lanes = pages(connection, due._LANES, epoch | {"bound": 2000})
        assert lanes / 1001 < 12, "walking the lanes must not read their backlogs"
        mark = epoch | {"lanes": [full.lanes[LANE]], "counts": [10], "suspect": 2}
        assert pages(connection, due._MARK, mark) < 400


def test_the_walk_over_lanes_does_not_grow_with_their_backlogs(full: Ledger) -> None:
    with full.connection() as connection:
        found = due.backlogs(connection, epoch=0, stale="{}", bound=500)
    assert len(found) == 1001
    assert max(lane.due for lane in found) == 500


def test_what_people_ask_touches_few_pages_among_a_million_operations(lists: Ledger) -> None:
    with lists.connection() as connection:
        (operation,) = history.find(connection, "order:999999")
        assert history.find(connection, "ticket-999999") == history.find(connection, str(operation)) == [operation]
        for statement in (
            history._OPERATION,
            history._TASK,
            history._HELD_BY,
            history._ATTEMPTS,
            letters._OF_OPERATION,
        ):
            assert pages(connection, statement, [operation]) < 30, statement
        for statement in (history._TICKETS, reopen._FOLLOW_ANEW):
            assert pages(connection, statement, {"id": operation, "at": "infinity"}) < 30, statement
        assert pages(connection, history._BY_ID, {"id": operation, "name": "ticket-999999"}) < 30
        assert pages(connection, history._BY_KEY, ["order:999999"]) < 30
        assert pages(connection, reopen._FOLLOW_NOW, [operation]) < 30
        status = pages(connection, waiting._WAITING, {"providers": ["acme"], "tenants": None, "bound": 500})
        assert status / 1001 < 25, "what waits must not be read to its end to be shown"
        assert pages(connection, waiting._CALLING, {"tenants": None}) < 30


def test_operations_of_a_state_that_is_rare_are_found_however_long_the_past_is(lists: Ledger) -> None:
    with lists.connection() as connection, connection.transaction(force_rollback=True):
        connection.execute(
            "UPDATE lockgate.operations SET state = 'declined' WHERE business_key IN ('order:1', 'order:2')"
        )
        for state, there in (("declined", 2), ("discarded", 0)):
            assert pages(connection, *found.statement(connection, found.Wanted(state=state))) < 30, state
            assert len(found.listed(connection, found.Wanted(state=state))) == there
        assert found.listed(connection, found.Wanted(tenant="nobody")) == []
        assert len(found.listed(connection, found.Wanted(tenant="default"))) == 50


def test_pages_of_dead_letters_and_groups_touch_few_pages_among_50_000_letters(full: Ledger, lists: Ledger) -> None:
    while groups.fold(full):
        pass
    with full.connection() as connection:
        assert pages(connection, groups._FOLD, {"most": 5000}) < 60
    with lists.connection() as connection:
        found = groups.listed(connection, groups.Wanted())
        assert (len(found), sum(group.open for group in found)) == (50, 50_000)
        assert {group.tenants for group in found} == {4}
        assert waiting.dead(connection) == {"acme": 50_000}
        for wanted in (
            letters.Wanted(), letters.Wanted(before=40_000), letters.Wanted(provider="acme"),
            letters.Wanted(kind="acme.make"), letters.Wanted(tenant="tenant-7"), letters.Wanted(fingerprint="print-7"),
        ):  # fmt: skip
            assert pages(connection, *letters.statement(connection, wanted)) < 500, wanted
            assert len(letters.listed(connection, wanted)) == 50
        page = groups._GROUP + groups._LIST.format(standing=groups._STANDINGS["unsettled"])
        asked = dict.fromkeys(("provider", "kind", "effect", "tenant", "tenants", "text", "at", "after")) | {
            "limit": 50
        }
        assert pages(connection, page, asked) < 500
        assert pages(connection, waiting._DEAD, {"tenants": None}) < 100
        (operation,) = history.find(connection, "order:1")
        assert pages(connection, related._RELATED, {"id": operation, "limit": 20}) < 60


@pytest.fixture
def with_few(lists: Ledger) -> Iterator[Connection]:
    """Beside everybody else's there are five operations and dead letters of one tenant, the oldest of all."""
    oldest = "id < '01900000-0000-7000-8000-000000000006'"
    with lists.connection() as connection, connection.transaction(force_rollback=True):
        connection.execute(
            "INSERT INTO lockgate.lanes (queue, tenant, provider, kind, priority, task) "
            "VALUES ('acme', 'rare', 'acme', 'acme.make', 0, 'tasks.acme.make')"
        )
        connection.execute(
            "UPDATE lockgate.operations SET tenant = 'rare', "
            f"lane_id = (SELECT id FROM lockgate.lanes WHERE tenant = 'rare') WHERE {oldest}"
        )
        connection.execute(f"UPDATE lockgate.dead_letters SET tenant = 'rare' WHERE operation_{oldest}")
        yield connection


@pytest.mark.parametrize(
    "asked", [{"tenant": "rare"}, {"tenants": ["rare"]}, {"tenants": ["rare", "nobody"], "provider": "acme"}]
)
def test_a_tenant_with_a_handful_is_shown_it_however_long_the_past_of_others_is(
    with_few: Connection, asked: dict[str, Any]
) -> None:
    assert len(found.listed(with_few, found.Wanted(**asked))) == 5
    assert pages(with_few, *found.statement(with_few, found.Wanted(**asked))) < 100
    assert found.listed(with_few, found.Wanted(**asked, state=State.WAITING)) == []
    assert pages(with_few, *found.statement(with_few, found.Wanted(**asked, state=State.WAITING))) < 100
    assert pages(with_few, *found.statement(with_few, found.Wanted(tenant="default", state=State.DEAD))) < 100
    last = found.listed(with_few, found.Wanted(**asked, limit=3))[-1].id
    assert len(found.listed(with_few, found.Wanted(**asked, before=last))) == 2
    wanted = letters.Wanted(**{name: tuple(value) if name == "tenants" else value for name, value in asked.items()})
    assert len(letters.listed(with_few, wanted)) == 5
    assert pages(with_few, *letters.statement(with_few, wanted)) < 100
    assert pages(with_few, waiting._WAITING, {"providers": ["acme"], "tenants": ["rare"], "bound": 500}) < 100


def test_what_lies_in_many_lanes_and_in_one_is_listed_alike(with_few: Connection) -> None:
    """The newest of tenants with one operation each, in more lanes than are asked one by one."""
    with_few.execute("UPDATE lockgate.operations SET tenant = 'crowd' WHERE lane_id IN (SELECT id FROM lockgate.lanes "
                     "WHERE tenant ~ '^tenant-[0-9]{3}$')")  # fmt: skip
    with_few.execute("UPDATE lockgate.lanes SET tenant = 'crowd', priority = id WHERE tenant ~ '^tenant-[0-9]{3}$'")
    crowd = found.listed(with_few, found.Wanted(tenant="crowd"))
    assert [one.id for one in crowd] == sorted((one.id for one in crowd), reverse=True)
    assert len({one.id for one in crowd}) == 50
    both = found.listed(with_few, found.Wanted(tenants=["rare"]))
    assert [one.id for one in both] == sorted((one.id for one in both), reverse=True)


def test_a_list_of_what_no_letter_has_touches_few_pages(lists: Ledger) -> None:
    with lists.connection() as connection:
        for nothing in (
            letters.Wanted(effect="unknown"), letters.Wanted(error_class="ambiguous"),
            letters.Wanted(effect="unknown", error_class="transient"), letters.Wanted(effect="unknown", tenant="tenant-7"),
        ):  # fmt: skip
            assert letters.listed(connection, nothing) == []
            assert pages(connection, *letters.statement(connection, nothing)) < 30, nothing
