"""Groups of dead letters: kept counts, whom they touch, and what sets them aside and brings them back."""

import threading
from dataclasses import replace
from typing import Any

import psycopg
import pytest
from given.buried import DOUBT, EXHAUSTED, MAILS, ORDER, PAYMENTS, REFUSED, bury, dead
from given.ledger import TERMS

from config.secret import Secret
from config.settings import Settings
from deadletter import groups as deciding
from deadletter import resolve
from deadletter.requeue import requeue
from integrations.registry import Registry
from ledger import audit, groups, letters, waiting
from ledger.audit import Order
from ledger.claim import claim
from ledger.groups import Group, Wanted
from ledger.session import Ledger
from operations.errors import NotAllowedError


@pytest.fixture
def registry() -> Registry:
    return Registry(Settings("postgresql://x", "redis://x", Secret("k")))


def listed(ledger: Ledger, **wanted: Any) -> list[Group]:
    groups.fold(ledger)
    with ledger.connection() as connection:
        return groups.listed(connection, Wanted(**wanted))


def one(ledger: Ledger) -> Group:
    (found,) = listed(ledger, status="all")
    return found


def said(ledger: Ledger, fingerprint: str) -> list[tuple[str, str]]:
    with ledger.connection() as connection:
        return [(entry.actor, entry.action) for entry in audit.entries(connection, f"group:{fingerprint}")]


def test_letters_that_failed_alike_are_one_group_and_others_are_not(ledger: Ledger) -> None:
    for number in range(3):
        lane = replace(PAYMENTS, tenant=f"shop{number % 2}")
        dead(ledger, key=f"order:{number}:payment", lane=lane)
    dead(ledger, key="order:9:payment", code="http_504")
    dead(ledger, DOUBT, key="order:10:payment")
    dead(ledger, key="mail:1", lane=MAILS)
    found = {(group.kind, group.code, group.effect): group for group in listed(ledger)}
    assert {name: group.open for name, group in found.items()} == {
        ("stripe.take_payment", "http_503", "none"): 3,
        ("stripe.take_payment", "http_504", "none"): 1,
        ("stripe.take_payment", "http_503", "unknown"): 1,
        ("postmark.send_email", "http_503", "none"): 1,
    }
    largest = found["stripe.take_payment", "http_503", "none"]
    with ledger.connection() as connection:
        touched = groups.tenants(connection, largest.fingerprint)
        hours = groups.hours(connection, [largest.fingerprint], hours=3)
        newest = letters.get(connection, largest.newest)
    assert largest.tenants == 2
    assert [(each.tenant, each.open) for each in touched] == [("shop0", 2), ("shop1", 1)]
    assert sum(hours[largest.fingerprint]) == 3
    assert newest is not None
    assert newest.business_key == "order:2:payment"


def test_a_group_is_found_by_a_part_of_what_it_says(ledger: Ledger) -> None:
    dead(ledger, REFUSED, key="order:1:payment", code="resource_missing", message="No such customer: <id>")
    dead(ledger, key="order:2:payment")
    (found,) = listed(ledger, text="no such CUSTOMER")
    assert found.code == "resource_missing"
    assert listed(ledger, text="nothing like it") == []
    with ledger.connection() as connection:
        (letter,) = letters.listed(connection, letters.Wanted(text="such customer"))
    assert letter.business_key == "order:1:payment"


def test_who_may_see_some_tenants_alone_is_shown_no_others(ledger: Ledger) -> None:
    for tenant, code in (("shop", "http_503"), ("shop", "http_504"), ("other", "http_504")):
        dead(ledger, key=f"order:{tenant}-{code}:payment", lane=replace(PAYMENTS, tenant=tenant), code=code)
    assert {group.code for group in listed(ledger, tenants=("other",))} == {"http_504"}
    assert listed(ledger, tenants=()) == []
    assert len(listed(ledger, tenants=("shop", "other"))) == 2
    with ledger.connection() as connection:
        assert {one.tenant for one in letters.listed(connection, letters.Wanted(tenants=("other",)))} == {"other"}
        assert letters.listed(connection, letters.Wanted(tenants=())) == []


def test_pages_follow_each_other_without_a_gap(ledger: Ledger) -> None:
    for number in range(7):
        dead(ledger, key=f"order:{number}:payment", code=f"code_{'abcdefg'[number]}")
    seen, before = [], None
    while page := listed(ledger, limit=3, before=before):
        seen += [group.code for group in page]
        before = page[-1].cursor
    assert seen == [f"code_{letter}" for letter in "gfedcba"]


def test_counts_follow_every_way_in_which_a_letter_is_closed(ledger: Ledger, registry: Registry) -> None:
    made = [dead(ledger, key=f"order:{number}:payment")[0] for number in range(4)]
    assert (one(ledger).open, one(ledger).seen) == (4, 4)
    requeue(ledger, registry, made[0].id, ORDER)
    resolve.discard(ledger, made[1].id, ORDER)
    resolve.succeeded(ledger, made[2].id, ORDER, reference="pi_1")
    group = one(ledger)
    assert (group.open, group.seen) == (1, 4)
    with ledger.connection() as connection:
        (touched,) = groups.tenants(connection, group.fingerprint)
    assert touched.open == 1


def test_open_letters_are_counted_by_provider_and_tenant_before_and_after_they_are_added_up(
    ledger: Ledger, registry: Registry
) -> None:
    shop, other = replace(PAYMENTS, tenant="shop"), replace(PAYMENTS, tenant="other")
    made = [dead(ledger, key=f"order:{number}:payment", lane=shop)[0] for number in range(3)]
    dead(ledger, key="order:9:payment", lane=other)
    dead(ledger, key="mail:1", lane=MAILS)
    doubt, _ = dead(ledger, DOUBT, key="order:10:payment", lane=other)

    def holds(stripe: int, *, of_other: int) -> None:
        for _ in range(2):  # what is not added up yet counts as what is
            with ledger.connection() as connection:
                assert waiting.dead(connection) == {"stripe": stripe, "postmark": 1}
                assert waiting.dead(connection, ["other"]) == {"stripe": of_other}
                assert waiting.dead(connection, ["nobody"]) == waiting.dead(connection, []) == {}
            groups.fold(ledger)

    holds(5, of_other=2)
    requeue(ledger, registry, made[0].id, ORDER)
    resolve.discard(ledger, made[1].id, ORDER)
    resolve.nothing_happened(ledger, doubt.id, ORDER)
    holds(3, of_other=2)


def test_a_letter_that_is_proven_to_have_had_no_effect_moves_to_the_group_of_those(ledger: Ledger) -> None:
    doubt, _ = dead(ledger, DOUBT, key="order:1:payment")
    assert [group.effect for group in listed(ledger)] == ["unknown"]
    resolve.nothing_happened(ledger, doubt.id, ORDER)
    known = {group.effect: (group.open, group.seen) for group in listed(ledger, status="all")}
    assert known == {"unknown": (0, 0), "none": (1, 1)}
    dead(ledger, replace(DOUBT, effect=EXHAUSTED.effect), key="order:2:payment")
    assert [group.open for group in listed(ledger)] == [2], "it is filed as those are that died so"


def test_a_letter_that_moves_before_it_is_counted_leaves_the_others_of_its_group(ledger: Ledger) -> None:
    dead(ledger, DOUBT, key="order:1:payment")
    moved, _ = dead(ledger, DOUBT, key="order:2:payment")
    resolve.nothing_happened(ledger, moved.id, ORDER)
    assert {group.effect: group.open for group in listed(ledger)} == {"unknown": 1, "none": 1}


def test_many_workers_that_park_alike_at_once_are_all_counted(ledger: Ledger) -> None:
    def park(name: int) -> None:
        for number in range(10):
            dead(ledger, key=f"order:{name}-{number}:payment")

    threads = [threading.Thread(target=park, args=(name,)) for name in range(6)]
    folding = threading.Thread(target=lambda: [groups.fold(ledger) for _ in range(50)])
    for thread in (*threads, folding):
        thread.start()
    for thread in (*threads, folding):
        thread.join()
    assert (one(ledger).open, one(ledger).seen) == (60, 60)
    with ledger.connection() as connection:
        assert connection.execute("SELECT provider, open FROM lockgate.open_letters").fetchall() == [("stripe", 60)]


def test_a_caller_whose_transaction_stays_open_holds_up_nobody_who_parks(ledger: Ledger) -> None:
    first, _ = dead(ledger, key="order:1:payment")
    with ledger.transaction() as connection:
        letters.close(connection, first.id, status="superseded", by="a caller")
        dead(ledger, key="order:2:payment")
        assert one(ledger).open == 2
    assert one(ledger).open == 1


def test_a_resolved_group_is_reopened_by_the_next_letter_alone(ledger: Ledger) -> None:
    dead(ledger, key="order:1:payment")
    fingerprint = one(ledger).fingerprint
    assert deciding.acknowledge(ledger, fingerprint, ORDER).assignee == "ann"
    assert deciding.resolve(ledger, fingerprint, ORDER).status == "resolved"
    assert one(ledger).status == "resolved"
    dead(ledger, key="order:2:payment")
    assert one(ledger).status == "reopened"
    assert said(ledger, fingerprint) == [("ann", "acknowledge"), ("ann", "resolve"), ("lockgate", "reopen")]


def test_a_group_is_ignored_until_a_time(ledger: Ledger) -> None:
    dead(ledger, key="order:1:payment")
    fingerprint = one(ledger).fingerprint
    deciding.ignore(ledger, fingerprint, ORDER, seconds=3600)
    dead(ledger, key="order:2:payment")
    assert one(ledger).status == "ignored"
    assert listed(ledger) == []
    with ledger.connection() as connection:
        connection.execute("UPDATE lockgate.groups SET ignore_until = now() - interval '1 second'")
    assert one(ledger).status == "open"


def test_a_group_is_ignored_until_a_rate(ledger: Ledger) -> None:
    dead(ledger, key="order:1:payment")
    deciding.ignore(ledger, one(ledger).fingerprint, ORDER, rate=2)
    dead(ledger, key="order:2:payment")
    assert one(ledger).status == "ignored"
    dead(ledger, key="order:3:payment")
    assert one(ledger).status == "open"


def test_people_say_who_is_at_it_and_what_it_is_about(ledger: Ledger) -> None:
    dead(ledger, key="order:1:payment")
    fingerprint = one(ledger).fingerprint
    deciding.assign(ledger, fingerprint, ORDER, "bob")
    deciding.tag(ledger, fingerprint, ORDER, add=["outage", "ticket 7"])
    deciding.tag(ledger, fingerprint, ORDER, remove=["outage"])
    deciding.note(ledger, fingerprint, Order("bob", "asked them by telephone"))
    group = one(ledger)
    assert (group.assignee, group.tags) == ("bob", ["ticket 7"])
    with ledger.connection() as connection:
        told = audit.entries(connection, f"group:{fingerprint}")
    assert told[-1].because == "asked them by telephone"
    assert (told[1].before["tags"], told[1].after["tags"]) == ([], ["outage", "ticket 7"])


def test_of_two_people_who_acknowledge_the_second_is_told_of_the_first(ledger: Ledger) -> None:
    dead(ledger, key="order:1:payment")
    fingerprint = one(ledger).fingerprint
    deciding.acknowledge(ledger, fingerprint, ORDER)
    with pytest.raises(NotAllowedError, match="was acknowledged by ann"):
        deciding.acknowledge(ledger, fingerprint, Order("bob", "me too"))


@pytest.mark.parametrize("wrong", [{}, {"seconds": 60.0, "rate": 3}, {"seconds": -1.0}])
def test_ignoring_needs_one_end(ledger: Ledger, wrong: dict[str, Any]) -> None:
    dead(ledger, key="order:1:payment")
    with pytest.raises(NotAllowedError, match="one of the two"):
        deciding.ignore(ledger, one(ledger).fingerprint, ORDER, **wrong)


def test_a_group_that_is_not_there_is_said_to_be_so(ledger: Ledger) -> None:
    with pytest.raises(NotAllowedError, match="there is no group beef"):
        deciding.resolve(ledger, "beef", ORDER)


def test_the_next_death_of_a_requeued_letter_counts_anew(ledger: Ledger, registry: Registry) -> None:
    letter, claimed = dead(ledger, key="order:1:payment")
    requeue(ledger, registry, letter.id, ORDER)
    again = claim(ledger, claimed.ticket_id, TERMS, worker="w2")
    assert again is not None
    bury(ledger, again, EXHAUSTED, code="http_503")
    assert (one(ledger).open, one(ledger).seen) == (1, 2)


@pytest.mark.parametrize(
    "statement", ["TRUNCATE lockgate.audit", "DELETE FROM lockgate.audit", "UPDATE lockgate.audit SET actor = 'x'"]
)
def test_the_database_refuses_to_change_or_empty_the_audit(ledger: Ledger, statement: str) -> None:
    dead(ledger, key="order:1:payment")
    deciding.note(ledger, one(ledger).fingerprint, ORDER)
    with ledger.connection() as connection, pytest.raises(psycopg.errors.RestrictViolation, match="only ever added"):
        connection.execute(statement)
