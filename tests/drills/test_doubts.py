"""What was sent and not answered: never called none, never sent twice, asked about when the key may be forgotten."""

from collections.abc import Callable
from typing import Any

import pytest
from given.deployment import PATIENCE, Deployment, eventually
from given.payments import charges, pay, posts
from given.proxy import Proxy

from ledger.pauses import lift

Deploy = Callable[..., Deployment]
_CLAIM = b"INSERT INTO lockgate.attempts"
POST = {"method": "POST", "path_prefix": "/v1/payment_intents"}


def age(deployment: Deployment, ticket: str, **columns: str) -> None:
    """Let time pass for one operation."""
    changes = ", ".join(f"{name} = {value}" for name, value in columns.items())
    with deployment.platform.ledger.connection() as connection:
        connection.execute(
            f"UPDATE lockgate.operations o SET {changes} FROM lockgate.tickets t WHERE o.id = t.operation_id AND t.id = %s",
            [ticket],
        )


@pytest.mark.parametrize(
    ("fault", "more"),
    [("F19", {"times": 1}), ("F11", {"form": "zero"}), ("F05", {"variant": "before"})],
)
def test_after_a_charge_that_was_not_answered_no_later_refusal_says_none(
    deploy: Deploy, fault: str, more: dict[str, Any]
) -> None:
    deployment = deploy(retry__give_up_after="12s", call__total="1.5s", call__read="0.6s", settle="1s")
    deployment.sandbox.fault("F04", match=POST | {"nth_attempt": 1}, times=1)
    deployment.sandbox.fault(fault, match=POST, **more)
    deployment.worker()
    result = pay("5001")
    eventually(lambda: len(posts(deployment)) >= 2)
    eventually(lambda: deployment.count("replies") >= 2)
    assert deployment.row("effect", result.id) == "unknown"
    with deployment.platform.ledger.connection() as connection:  # a person has seen to the refused credential
        lift(connection, "stripe")
    deployment.ends(result.id)
    assert deployment.row("effect", result.id) == "done"
    assert len(charges(deployment, "5001")) == 1


def test_a_doubt_older_than_the_providers_memory_of_the_key_is_asked_about_and_not_sent(deploy: Deploy) -> None:
    deployment = deploy(call__read="0.6s", settle="1s", retry__delays=["0s", "5s", "5s", "5s", "5s"])
    deployment.sandbox.fault("F04", match=POST, times=1)
    deployment.worker()
    result = pay("5003")
    eventually(lambda: deployment.row("state, effect", result.id) == ("waiting", "unknown"))
    deployment.sandbox.control("DELETE", "/keys")
    age(deployment, result.id, send_until="clock_timestamp() - interval '1 second'")
    deployment.ends(result.id)
    assert len(charges(deployment, "5003")) == len(posts(deployment)) == 1


def test_a_key_that_runs_out_between_the_claim_and_the_first_byte_sends_nothing(
    deploy: Deploy, database_proxy: Proxy
) -> None:
    deployment = deploy(call__read="0.6s", settle="1s", retry__delays=["0s", "5s", "5s", "5s", "5s"])
    deployment.sandbox.fault("F04", match=POST, times=1)
    deployment.worker(LOCKGATE_DATABASE_URL=database_proxy.url)
    result = pay("5004")
    eventually(lambda: deployment.row("state, effect", result.id) == ("waiting", "unknown"))
    held = database_proxy.hold_after(_CLAIM)
    age(deployment, result.id, send_until="clock_timestamp() + interval '2 seconds'", due_at="clock_timestamp()")
    assert held.reached.wait(PATIENCE)
    eventually(lambda: deployment.row("send_until < clock_timestamp()", result.id))
    held.released.set()
    eventually(lambda: deployment.count("replies WHERE code = 'key_closing'"))
    deployment.ends(result.id)
    assert len(charges(deployment, "5004")) == len(posts(deployment)) == 1
