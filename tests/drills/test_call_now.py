"""A user who waits: the time-out bounds the wait, never the call."""

from collections.abc import Callable

import pytest
from given.deployment import Deployment, eventually
from given.payments import charges, mails, payment, posts
from sqlalchemy import create_engine
from sqlalchemy.orm import Session

from operations.errors import NotAllowedError
from resilience.restore import Phase, memory
from tasks.accepting import accept_in
from tasks.mail import send_email
from tasks.payments import take_payment
from tasks.sweep import Sweep

Deploy = Callable[..., Deployment]
MAIL = {"mail_id": "m-1", "sender": "shop@example.com", "to": "ada@example.com", "subject": "Hello", "text": "Hello."}


def opened(deployment: Deployment) -> None:
    """Admission opens when a sweep has looked; here it needs no worker."""
    sweep = Sweep()
    eventually(lambda: sweep.tick() or memory(deployment.platform.redis).phase is Phase.OPEN)


def test_a_call_that_outlasts_the_callers_patience_goes_on_and_is_recorded_without_any_worker(deploy: Deploy) -> None:
    deployment = deploy()
    opened(deployment)
    deployment.sandbox.control("POST", "/config", latency=1.0)
    result = take_payment.call_now(timeout=0.3, **payment("7501"))
    assert not result.ready()
    deployment.ends(result.id)
    assert len(charges(deployment, "7501")) == len(posts(deployment)) == 1


def test_what_nobody_could_settle_after_a_doubt_is_left_to_a_worker_when_the_caller_cannot_wait(
    deployment: Deployment,
) -> None:
    opened(deployment)
    result = send_email.call_now(timeout=0.5, **MAIL)
    assert (result.state, deployment.state_of(result.id)) == ("PENDING", "waiting")
    assert posts(deployment, "/email") == []
    deployment.worker()
    deployment.ends(result.id)
    assert len(mails(deployment)) == 1


def test_a_call_that_a_rollback_would_undo_is_refused(deployment: Deployment) -> None:
    engine = create_engine(deployment.settings.database_url.replace("postgresql:", "postgresql+psycopg:"))
    with Session(engine) as session, accept_in(session), pytest.raises(NotAllowedError):
        take_payment.call_now(timeout=1.0, **payment("7502"))
    engine.dispose()
    assert deployment.count("operations") == 0


def test_two_users_who_wait_for_the_same_payment_hear_of_one(deployment: Deployment) -> None:
    opened(deployment)
    first = take_payment.call_now(timeout=10.0, **payment("7503"))
    second = take_payment.call_now(timeout=10.0, **payment("7503"))
    assert first.get()["reference"] == second.get()["reference"]
    assert first.ready()
    assert len(posts(deployment)) == 1
