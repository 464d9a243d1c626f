"""A worker, or a part of it, dies or freezes: at once, in the middle, and again and again."""

import os
import signal
from collections.abc import Callable

from given.deployment import LAPSING, PATIENCE, Deployment, Worker, eventually
from given.payments import charges, mail, mails, pay, posts
from given.proxy import Proxy

Deploy = Callable[..., Deployment]
POST = {"method": "POST", "path_prefix": "/v1/payment_intents"}
_CLAIM = b"INSERT INTO lockgate.attempts"


def callers_process(deployment: Deployment, worker: Worker) -> int:
    """The pool child that holds a claim now."""

    def held() -> str | None:
        with deployment.platform.ledger.connection() as connection:
            row = connection.execute("SELECT worker FROM lockgate.operations WHERE state = 'calling'").fetchone()
        return None if row is None else str(row[0])

    pid = int(str(eventually(held, every=0.01)).split("/")[1])
    assert pid != worker.process.pid
    return pid


def test_a_pool_child_killed_in_a_call_ends_its_lease_at_once_and_its_worker_lives_on(deploy: Deploy) -> None:
    deployment = deploy(call__total="600s", call__read="600s", call__lease="1200s", retry__give_up_after="1h")
    deployment.sandbox.fault("F04", match=POST, times=1)
    worker = deployment.worker(pool="prefork", concurrency=2)
    result = pay("8001")
    eventually(lambda: charges(deployment, "8001"))
    os.kill(callers_process(deployment, worker), signal.SIGKILL)
    deployment.ends(result.id)  # long before the lease: nobody waited for its end
    assert worker.process.poll() is None
    deployment.ends(pay("8001-next").id)
    assert len(charges(deployment, "8001")) == 1
    assert deployment.count("replies WHERE outcome = 'lost' AND code = 'worker_lost'") == 1


def test_an_operation_whose_process_is_killed_three_times_the_last_time_alone_is_asked_about_and_dead(
    deploy: Deploy,
) -> None:
    deployment = deploy(settle="1s", retry__delays=["0s", "100ms", "100ms", "100ms"], breaker__consecutive=3)
    deployment.sandbox.fault("F03", match=POST)
    worker = deployment.worker(pool="prefork", concurrency=1)
    result = pay("8002")
    for number in range(3):
        eventually(lambda number=number: len(posts(deployment)) > number)
        os.kill(callers_process(deployment, worker), signal.SIGKILL)
        eventually(lambda number=number: deployment.count("replies WHERE outcome = 'lost'") > number)
    deployment.ends(result.id, "dead")
    assert deployment.row("reason, effect", result.id) == ("poison", "none")  # asked for twice, and not there
    assert len(posts(deployment)) == 3
    assert len({event["idempotency_key"] for event in posts(deployment)}) == 1


def test_a_worker_frozen_between_claim_and_first_byte_sends_no_mail_when_it_wakes(
    deploy: Deploy, database_proxy: Proxy
) -> None:
    deployment = deploy(**LAPSING, settle="1s")
    held = database_proxy.hold_after(_CLAIM)
    frozen = deployment.worker(concurrency=1, LOCKGATE_DATABASE_URL=database_proxy.url)
    result = mail("m-8003")
    assert held.reached.wait(PATIENCE)
    frozen.freeze()
    held.released.set()
    deployment.worker()
    deployment.ends(result.id)
    frozen.signal(signal.SIGCONT)
    eventually(lambda: deployment.count("replies WHERE number = 1 AND code = 'lease_short'") == 1)
    assert len(mails(deployment)) == len(posts(deployment, "/email")) == 1
    assert deployment.row("state, effect", result.id) == ("succeeded", "done")


def test_a_worker_frozen_while_the_provider_answers_keeps_the_answer_when_it_wakes(deploy: Deploy) -> None:
    deployment = deploy(**LAPSING, settle="1s")
    deployment.sandbox.control("POST", "/config", latency=2.0)
    frozen = deployment.worker(concurrency=1)
    result = mail("m-8004")
    eventually(lambda: posts(deployment, "/email"), every=0.01)
    frozen.freeze()
    eventually(lambda: mails(deployment))
    deployment.worker()
    deployment.ends(result.id)
    frozen.signal(signal.SIGCONT)
    eventually(lambda: deployment.count("replies WHERE number = 1") == 2)  # that it was lost, and what it has heard
    assert len(mails(deployment)) == len(posts(deployment, "/email")) == 1
