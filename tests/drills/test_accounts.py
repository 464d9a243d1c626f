"""A tenant's credentials refused, changed, or another account's: work waits for the right one, and for no other tenant."""

from collections.abc import Callable

from given.deployment import Deployment, eventually
from given.payments import charges, pay, posts

Deploy = Callable[..., Deployment]
POST = {"method": "POST", "path_prefix": "/v1/payment_intents"}


def test_a_refused_credential_holds_its_tenants_work_alone_until_another_one_is_given(deploy: Deploy) -> None:
    deployment = deploy(
        {"LOCKGATE_STRIPE_API_KEY": "sk_old", "LOCKGATE_STRIPE_API_KEY__OTHER": "sk_other"}, retry__ceiling="1s"
    )
    for token in ("sk_old", "sk_new"):
        deployment.sandbox.control("POST", "/tenants", provider="stripe", token=token, account="acct_one")
    worker = deployment.worker()
    deployment.ends(pay("6001-first").id)
    deployment.sandbox.control("POST", "/tenants", provider="stripe", token="sk_old", revoked=True)
    waiting = [pay(f"6001-{number}") for number in range(5)]
    eventually(lambda: deployment.count("pauses WHERE lifted_at IS NULL AND tenant = 'default'"))
    refused = len(posts(deployment))
    deployment.ends(pay("6001-other", tenant="other").id)
    assert {deployment.state_of(result.id) for result in waiting} <= {"waiting", "calling"}
    worker.end()
    assert len(posts(deployment)) <= refused + 4 + 1  # those already under way, and the other tenant's
    deployment.worker(LOCKGATE_STRIPE_API_KEY="sk_new")
    for result in waiting:
        deployment.ends(result.id)
    assert deployment.count("dead_letters") == 0
    assert deployment.count("pauses WHERE lifted_at IS NULL") == 0


def test_another_account_gets_no_resend_and_answers_no_question(deploy: Deploy) -> None:
    deployment = deploy({"LOCKGATE_STRIPE_API_KEY": "sk_one"}, call__read="0.6s")
    deployment.sandbox.fault("F04", match=POST, times=1)
    worker = deployment.worker()
    result = pay("6002")
    eventually(lambda: charges(deployment, "6002"))
    worker.kill()
    stranger = deployment.worker(LOCKGATE_STRIPE_API_KEY="sk_two")
    eventually(lambda: deployment.count("replies WHERE code = 'other_account'"))
    seen = [event for event in deployment.sandbox.events("request") if event["path"] != "/v1/account"]
    assert len(seen) == 1
    assert deployment.row("effect", result.id) == "unknown"
    stranger.end()
    assert "Traceback" not in stranger.log.read_text()
    assert deployment.count("celery_results") == 0  # the row says how it stands, and not a word that Celery kept
    with deployment.platform.ledger.connection() as connection:  # it is looked at again in five minutes: they pass
        connection.execute("UPDATE lockgate.operations SET due_at = clock_timestamp()")
    deployment.worker(LOCKGATE_STRIPE_API_KEY="sk_one")
    deployment.ends(result.id)
    assert len(charges(deployment, "6002")) == 1
