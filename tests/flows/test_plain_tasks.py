"""Tasks of the application's own keep what Celery promises of them."""

import pytest
from celery import chain
from celery.exceptions import Reject, TaskRevokedError
from given.deployment import PATIENCE, Deployment, eventually
from given.shop import alarm, double, ignored, note, refuse, slowly, sorry, triple, unheard, wrote


@pytest.mark.usefixtures("shop")
def test_a_class_on_celerys_own_task_runs_with_its_arguments() -> None:
    result = chain(double.s(4), triple.s()).delay()
    assert result.get(timeout=PATIENCE) == 24
    assert result.parent.id in wrote("counted")


def test_a_rejected_message_comes_again_or_is_a_failure(shop: Deployment) -> None:
    assert refuse.delay(requeue=True).get(timeout=PATIENCE) == "second pass"
    refused = refuse.apply_async(kwargs={"requeue": False}, link_error=alarm.s("refused"))
    with pytest.raises(Reject):
        refused.get(timeout=PATIENCE)
    assert eventually(lambda: wrote("refused")) == [refused.id]
    assert shop.row("reason, effect", refused.id) == ("rejected", "none")


@pytest.mark.usefixtures("shop")
def test_a_result_that_is_ignored_is_not_shown_but_handed_on() -> None:
    result = chain(unheard.s("unheard"), note.s("heard")).delay()
    assert result.get(timeout=PATIENCE) == "unheard"
    assert (result.parent.state, result.parent.result) == ("PENDING", None)
    assert wrote("heard") == ["unheard"]


def test_the_callers_own_word_on_ignoring_counts_before_the_tasks(shop: Deployment) -> None:
    assert unheard.apply_async(("told",), ignore_result=False).get(timeout=PATIENCE) == "told"
    silent = note.apply_async((1, "silent"), ignore_result=True)
    eventually(lambda: shop.state_of(silent.id) == "succeeded")
    assert silent.state == "PENDING"


@pytest.mark.usefixtures("shop")
def test_while_a_task_waits_to_try_again_its_result_is_why() -> None:
    result = sorry.delay("not there yet")
    why = eventually(lambda: result.result if isinstance(result.result, LookupError) else None)
    assert (result.state, str(why)) == ("RETRY", "not there yet")
    result.revoke()


@pytest.mark.usefixtures("shop")
def test_revoked_and_expired_are_celerys_own_words_for_a_plain_task() -> None:
    revoked = note.apply_async((1, "revoked"), countdown=60)
    revoked.revoke()
    expired = note.apply_async((1, "expired"), countdown=60, expires=1)
    for result in (revoked, expired):
        with pytest.raises(TaskRevokedError):
            result.get(timeout=PATIENCE)
        assert result.state == "REVOKED"
    assert wrote("revoked") == wrote("expired") == []


def test_a_task_that_ignores_itself_ends_without_a_word(shop: Deployment) -> None:
    result = ignored.delay()
    eventually(lambda: shop.state_of(result.id) == "superseded")
    assert result.state == "PENDING"


def test_a_plain_task_whose_worker_is_killed_runs_again(bare_shop: Deployment) -> None:
    worker = bare_shop.worker(concurrency=2)
    result = slowly.delay("again", 3.0)
    eventually(lambda: wrote("again begins"))
    worker.kill()
    bare_shop.worker(concurrency=2)
    with bare_shop.platform.ledger.connection() as connection:  # the lease of a plain task is a minute: not today
        connection.execute("UPDATE lockgate.operations SET lease_until = statement_timestamp() WHERE state = 'calling'")
    assert result.get(timeout=PATIENCE) == "again"
    assert len(wrote("again begins")) == 2
