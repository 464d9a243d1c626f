"""`call_now`: for a user who waits, through the same ledger and the same admission."""

import threading

import psycopg
import pytest
from given.deployment import PATIENCE, Deployment, eventually
from given.orders import calls, charges, order

from operations.errors import NotAllowedError, OperationConflict
from resilience.breaker import Verdict
from resilience.permit import Permit
from resilience.traffic import Lane
from tasks import delivery
from tasks.accepting import accept_in
from tasks.mail import send_email
from tasks.payments import take_payment

MAIL = {"sender": "shop@example.com", "to": "you@example.com", "subject": "Hello", "text": "Hello"}


@pytest.fixture
def idle(deployment: Deployment) -> Deployment:
    """With a worker that takes no operation: its sweep keeps the limits, without which nothing is admitted."""
    deployment.worker("-Q", "lockgate")
    eventually(lambda: admits(deployment))
    return deployment


def admits(deployment: Deployment) -> bool:
    """Whether the limits, which the test's Redis has just lost, were rebuilt."""
    admission = deployment.platform.admission
    permit = admission.ask(Lane("stripe", "default", "stripe.take_payment"), lease=5.0)
    if isinstance(permit, Permit):
        admission.report(permit, Verdict.NEUTRAL)
    return isinstance(permit, Permit)


def test_it_is_called_in_the_callers_own_process_and_answers_at_once(idle: Deployment) -> None:
    result = take_payment.call_now(timeout=20, **order("n1"))
    assert result.ready(), "there is no worker: nobody else can have called"
    assert [result.get()["reference"]] == charges(idle, "n1")


def test_past_the_time_out_it_returns_what_is_pending_and_the_call_runs_on(idle: Deployment) -> None:
    idle.sandbox.control("POST", "/config", latency=1)
    result = take_payment.call_now(timeout=0.3, **order("n2"))
    assert result.state in {"PENDING", "STARTED"}
    told = result.get(timeout=PATIENCE)
    assert [told["reference"]] == charges(idle, "n2")
    assert calls(idle) == 1


def test_what_was_refused_by_admission_is_left_to_a_worker(idle: Deployment) -> None:
    idle.sandbox.fault("F10", form="503", times=1, match={"path_prefix": "/v1/payment_intents"})
    result = take_payment.call_now(timeout=1, **order("n3"))
    assert result.state == "RETRY"
    idle.worker()
    assert result.get(timeout=PATIENCE)["state"] == "succeeded"
    assert len(charges(idle, "n3")) == 1


def test_a_ledger_that_goes_away_meanwhile_leaves_the_operation_to_a_worker(
    idle: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = threading.Event()

    def gone(*_: object) -> bool:
        left.set()
        raise psycopg.OperationalError("the connection was lost")

    with monkeypatch.context() as patch:
        patch.setattr(delivery, "attempt_here", gone)
        result = take_payment.call_now(timeout=0.2, **order("n9"))
        assert left.wait(60)
    idle.worker()
    assert result.get(timeout=PATIENCE)["state"] == "succeeded"
    assert len(charges(idle, "n9")) == 1


def test_it_shares_key_and_answer_with_everybody_else(idle: Deployment) -> None:
    first = take_payment.call_now(timeout=20, **order("n4"))
    again = take_payment.call_now(timeout=20, **order("n4"))
    assert again.id != first.id
    assert again.get(timeout=PATIENCE) == first.get(timeout=PATIENCE)
    with pytest.raises(OperationConflict):
        take_payment.call_now(timeout=20, **order("n4", amount=1))
    assert calls(idle) == 1


def test_a_kind_that_cannot_be_repeated_is_left_to_workers_when_the_caller_will_not_hear_its_end(
    idle: Deployment,
) -> None:
    hasty = send_email.call_now(timeout=0.5, mail_id="n5", **MAIL)
    assert hasty.state == "PENDING"
    assert not idle.sandbox.events("request") or all(
        event["path"] != "/email" for event in idle.sandbox.events("request")
    )
    idle.worker()
    eventually(lambda: hasty.state == "SUCCESS")
    patient = send_email.call_now(timeout=20, mail_id="n6", **MAIL)
    assert patient.get(timeout=PATIENCE)["state"] == "succeeded"


def test_it_joins_no_transaction(idle: Deployment) -> None:
    refused = pytest.raises(NotAllowedError, match="call_now cannot join a transaction")
    with idle.platform.ledger.transaction() as connection, accept_in(connection), refused:
        take_payment.call_now(timeout=1, **order("n7"))
    assert calls(idle) == 0
