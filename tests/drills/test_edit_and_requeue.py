"""The same intent with corrected arguments: the next generation, where nothing happened for sure, and sent once."""

import threading
from typing import Any

import pytest
import requests
from celery import chain
from given.console import Console
from given.deployment import PATIENCE, Deployment, eventually
from given.orders import charges, order

from ledger import edits
from ledger.audit import Order
from operations.errors import InvalidArgumentsError, NotAllowedError
from tasks import edit
from tasks.mail import send_email
from tasks.payments import capture_payment, take_payment

PAYMENTS = {"method": "POST", "path_prefix": "/v1/payment_intents"}
ANN, BOB = Order("ann", "the amount was wrong"), Order("bob", "I looked at it")
MAIL = {"sender": "shop@example.com", "to": "ann@example.com", "subject": "Hello", "text": "Hello"}


def refused(deployment: Deployment, name: str) -> Any:
    """A payment that the provider refused for want of a permission."""
    deployment.sandbox.fault("F19", form="scope", times=1, match=PAYMENTS)
    result = take_payment.delay(**order(name))
    deployment.ends(result.id, "dead")
    return result


def refused_mail(deployment: Deployment, name: str) -> Any:
    deployment.sandbox.fault("F19", form="scope", times=1, match={"method": "POST", "path_prefix": "/email"})
    result = send_email.delay(mail_id=name, **MAIL)
    deployment.ends(result.id, "dead")
    return result


@pytest.fixture
def working(deployment: Deployment) -> Deployment:
    deployment.worker()
    return deployment


def operation(deployment: Deployment, operation_id: Any, what: str) -> Any:
    with deployment.platform.ledger.connection() as connection:
        return connection.execute(f"SELECT {what} FROM lockgate.operations WHERE id = %s", [operation_id]).fetchone()


def test_money_waits_for_a_second_person_and_is_then_charged_once(working: Deployment) -> None:
    old = refused(working, "8601")
    here = working.platform
    proposed = edit.propose(here, 1, {"amount": 4100}, ANN)
    assert (proposed.state, proposed.difference) == ("waiting", {"amount": [4200, 4100]})
    assert working.state_of(old.id) == "dead"
    with pytest.raises(NotAllowedError, match="a second person must approve it"):
        edit.approve(here, proposed.id, ANN)
    with pytest.raises(NotAllowedError, match=r"an edit of dl_1 by ann of .* waits for approval"):
        edit.propose(here, 1, {"amount": 4000}, BOB)
    applied = edit.approve(here, proposed.id, BOB)
    assert (applied.state, applied.by, applied.decided_by) == ("applied", "ann", "bob")
    eventually(lambda: operation(working, applied.new_operation_id, "state") == ("succeeded",))
    assert operation(working, applied.new_operation_id, "generation, supersedes") == (2, proposed.operation_id)
    assert working.state_of(old.id) == "superseded"
    (reference,) = charges(working, "8601")
    there = requests.get(
        f"{working.sandbox.urls['stripe']}/v1/payment_intents/{reference}",
        headers={"Authorization": "Bearer sk_test_drill"}, timeout=30,
    )  # fmt: skip
    assert there.json()["amount"] == 4100
    shell = Console(working.environment | {"LOCKGATE_ACTOR": "ann"})
    gone = shell.run("deadletter", "requeue", "dl_1", "--because", "again")
    assert (gone.code, "was superseded by the next generation" in gone.err) == (1, True)
    assert edit_audit(working, proposed.operation_id) == [("ann", "propose"), ("bob", "edit")]
    with pytest.raises(NotAllowedError, match=f"edit {proposed.id} was applied by bob"):
        edit.reject(here, proposed.id, ANN)


def edit_audit(deployment: Deployment, operation_id: Any) -> list[tuple[str, str]]:
    with deployment.platform.ledger.connection() as connection:
        return [
            (actor, action)
            for actor, action in connection.execute(
                "SELECT actor, action FROM lockgate.audit WHERE target = %s ORDER BY id", [str(operation_id)]
            ).fetchall()
        ]


def test_what_is_no_money_goes_out_at_once_and_nothing_personal_is_written_in_plain(working: Deployment) -> None:
    refused_mail(working, "8602")
    shell = Console(working.environment | {"LOCKGATE_ACTOR": "ann"})
    assert shell.json("deadletter", "edit", "dl_1")["to"] == "ann@example.com"
    said = shell.run("deadletter", "edit", "dl_1", "--set", "to=jo@customer.example", "--because", "they moved")
    assert said.code == 0, said.err
    assert "which goes out with to corrected" in said.out
    eventually(lambda: len([one for one in working.sandbox.effects() if one["effect"] == "email"]) == 1)
    assert shell.run("deadletter", "edits").code == 0
    with working.platform.ledger.connection() as connection:
        for table in ("edits", "audit", "operations", "dead_letters"):
            rows = connection.execute(f"SELECT to_jsonb(t)::text FROM lockgate.{table} t").fetchall()
            assert not [row for (row,) in rows if "customer.example" in row], table


def test_through_the_commands_alone_a_second_person_approves_or_turns_it_down(working: Deployment) -> None:
    refused(working, "8603")
    ann = Console(working.environment | {"LOCKGATE_ACTOR": "ann"})
    bob = Console(working.environment | {"LOCKGATE_ACTOR": "bob"})
    because = ("--because", "the amount was wrong")
    (first,) = ann.json("deadletter", "edit", "dl_1", "--set", "amount=4100", *because)
    waiting = ann.run("deadletter", "edits")
    assert (waiting.code, "amount: 4200 → 4100" in waiting.out) == (1, True)
    own = ann.run("deadletter", "approve", str(first["id"]), *because)
    assert (own.code, "a second person must approve" in own.err) == (1, True)
    assert bob.run("deadletter", "reject", str(first["id"]), *because).code == 0
    (second,) = ann.json("deadletter", "edit", "dl_1", "--set", "amount=4000", *because)
    done = bob.run("deadletter", "approve", str(second["id"]), *because)
    assert done.code == 0, done.err
    eventually(lambda: len(charges(working, "8603")) == 1)


def test_of_two_people_who_approve_one_wins_and_the_other_is_told(working: Deployment) -> None:
    refused(working, "8604")
    proposed = edit.propose(working.platform, 1, {"amount": 4100}, ANN)
    told: list[str] = []

    def approve(name: str) -> None:
        try:
            edit.approve(working.platform, proposed.id, Order(name, "fine"))
        except NotAllowedError as error:
            told.append(str(error))

    both = [threading.Thread(target=approve, args=(name,)) for name in ("bob", "cy")]
    for one in both:
        one.start()
    for one in both:
        one.join()
    (said,) = told
    assert f"edit {proposed.id} was applied by" in said
    eventually(lambda: len(charges(working, "8604")) == 1)


def test_what_is_kept_under_the_key_goes_out_as_it_is_with_a_new_one(working: Deployment) -> None:
    """F21: a refusal that the provider keeps; its cause was there, and nothing of ours has to be corrected."""
    working.sandbox.fault("F21", times=1, match=PAYMENTS)
    old = take_payment.delay(**order("8608"))
    working.ends(old.id, "dead")
    ann = Console(working.environment | {"LOCKGATE_ACTOR": "ann"})
    bob = Console(working.environment | {"LOCKGATE_ACTOR": "bob"})
    because = ("--because", "their parser is mended")
    assert ann.json("deadletter", "show", "dl_1")["next"]["action"] == "edit"
    said = ann.run("deadletter", "edit", "dl_1", *because)
    assert (said.code, "lockgate deadletter approve 1" in said.out) == (0, True), said.err
    waiting = bob.run("deadletter", "edits")
    assert "the same, with a new key" in waiting.out
    assert "Next: lockgate deadletter approve 1" in waiting.out
    assert bob.run("deadletter", "approve", "1", *because).code == 0
    eventually(lambda: len(charges(working, "8608")) == 1)
    assert working.state_of(old.id) == "superseded"


def test_all_that_failed_alike_go_out_with_new_keys_in_one_order(working: Deployment) -> None:
    working.sandbox.fault("F21", times=2, match=PAYMENTS)
    for name in ("8609", "8610"):
        working.ends(take_payment.delay(**order(name)).id, "dead")
    ann = Console(working.environment | {"LOCKGATE_ACTOR": "ann"})
    bob = Console(working.environment | {"LOCKGATE_ACTOR": "bob"})
    because = ("--because", "their parser is mended")
    (group,) = ann.json("deadletter", "list", "--groups")
    made = ann.json("deadletter", "edit", "--fingerprint", group["fingerprint"], *because)
    assert [one["letter"] for one in made] == ["dl_1", "dl_2"]
    twice = ann.run("deadletter", "edit", "dl_1", "dl_2", *because)
    assert (twice.code, twice.err.count("waits for approval")) == (1, 2)
    assert bob.run("deadletter", "approve", *(str(one["id"]) for one in made), *because).code == 0
    eventually(lambda: [len(charges(working, name)) for name in ("8609", "8610")] == [1, 1])


def test_a_doubt_other_intents_and_wrong_arguments_are_refused(working: Deployment) -> None:
    refused(working, "8605")
    here = working.platform
    with pytest.raises(NotAllowedError, match="nothing of dl_1 is changed"):
        edit.propose(here, 1, {"amount": 4200}, ANN)
    with pytest.raises(InvalidArgumentsError, match="another intent than order:8605:payment"):
        edit.propose(here, 1, {"order_id": "9999"}, ANN)
    with pytest.raises(InvalidArgumentsError, match="amonut"):
        edit.propose(here, 1, {"amonut": 1}, ANN)
    with pytest.raises(InvalidArgumentsError):
        edit.propose(here, 1, {"amount": "many"}, ANN)
    with here.ledger.connection() as connection:
        assert edits.of_letter(here.ledger, connection, 1) == []
        connection.execute("UPDATE lockgate.operations SET effect = 'unknown'")
    with pytest.raises(NotAllowedError, match="only where nothing happened, for sure"):
        edit.propose(here, 1, {"amount": 4100}, ANN)


def test_an_approval_that_comes_after_a_requeue_is_refused(working: Deployment) -> None:
    old = refused(working, "8606")
    proposed = edit.propose(working.platform, 1, {"amount": 4100}, ANN)
    shell = Console(working.environment | {"LOCKGATE_ACTOR": "cy"})
    assert shell.run("deadletter", "requeue", "dl_1", "--because", "the permission is there").code == 0
    working.ends(old.id)
    with pytest.raises(NotAllowedError, match="dl_1 was requeued by cy"):
        edit.approve(working.platform, proposed.id, BOB)
    assert len(charges(working, "8606")) == 1


def test_a_chain_that_waits_for_the_old_one_goes_on_with_the_new_one(working: Deployment) -> None:
    working.sandbox.fault("F19", form="scope", times=1, match=PAYMENTS)
    tail = chain(take_payment.s(**order("8607", capture=False)), capture_payment.s()).apply_async()
    working.ends(tail.parent.id, "dead")
    assert tail.parent.state == "RETRY"
    proposed = edit.propose(working.platform, 1, {"amount": 4100}, ANN)
    edit.approve(working.platform, proposed.id, BOB)
    assert tail.get(timeout=PATIENCE)["state"] == "succeeded"
    assert tail.parent.get(timeout=PATIENCE)["state"] == "succeeded"
    assert len(charges(working, "8607")) == 1
