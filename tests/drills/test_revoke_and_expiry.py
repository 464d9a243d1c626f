"""Revoked or expired: a wish, obeyed between attempts and only where nothing can have happened."""

from collections.abc import Callable

from given.deployment import Deployment, eventually
from given.payments import charges, pay, payment, posts

from tasks.app import app
from tasks.payments import take_payment

Deploy = Callable[..., Deployment]
POST = {"method": "POST", "path_prefix": "/v1/payment_intents"}


def test_a_waiting_operation_that_is_revoked_is_never_sent(deployment: Deployment) -> None:
    result = pay("7001")
    app.control.revoke(result.id)
    deployment.worker()
    deployment.ends(result.id, "dead")
    assert deployment.row("effect, reason", result.id) == ("none", "revoked")
    assert posts(deployment) == []


def test_an_operation_that_is_revoked_while_it_may_have_happened_is_confirmed_and_tells_the_truth(
    deploy: Deploy,
) -> None:
    deployment = deploy(call__read="0.6s", settle="1s")
    deployment.sandbox.fault("F04", match=POST, times=1)
    deployment.worker()
    result = pay("7002")
    eventually(lambda: charges(deployment, "7002"), every=0.01)
    app.control.revoke(result.id)
    deployment.ends(result.id)
    assert deployment.row("effect", result.id) == "done"
    assert len(posts(deployment)) == len(charges(deployment, "7002")) == 1  # revoked: asked about, not sent again


def test_an_operation_that_expires_while_it_may_have_happened_is_confirmed_and_tells_the_truth(deploy: Deploy) -> None:
    deployment = deploy(call__read="1.5s", settle="1s")
    deployment.sandbox.fault("F04", match=POST, times=1)
    deployment.worker()
    result = take_payment.apply_async(kwargs=payment("7003"), expires=1.2)
    eventually(lambda: charges(deployment, "7003"), every=0.01)
    deployment.ends(result.id)
    assert deployment.row("effect", result.id) == "done"
    assert len(posts(deployment)) == 1


def test_an_operation_that_expires_before_anybody_took_it_is_never_sent(deployment: Deployment) -> None:
    result = take_payment.apply_async(kwargs=payment("7004"), expires=0.1)
    eventually(lambda: deployment.row("expires_at < clock_timestamp()", result.id))
    deployment.worker()
    deployment.ends(result.id, "dead")
    assert deployment.row("effect, reason", result.id) == ("none", "expired")
    assert posts(deployment) == []
