"""What is carried out without Celery: only what it would tell nobody; whatever it would tell, it tells."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import redis
from given.deployment import Deployment, Worker, eventually
from given.documents import ROOT
from given.payments import charges, pay

from ledger.due import Hint
from tasks import bundle
from tasks.app import app

PAY = "tasks.payments.take_payment"
DECLINED, REFUSED, AGAIN, WELL = "declined", "refused", "again", "well"


def told(worker: Worker, ticket_id: str) -> list[str]:
    """What Celery wrote of a ticket, without what differs between two runs."""
    lines = [line for line in worker.log.read_text().splitlines() if ticket_id in line and " celery." in line]
    said = [re.sub(r"^\S+ |operation \S+|[0-9a-f]{8}-[0-9a-f-]{27}|\d+\.\d+s", "", line) for line in lines]
    return [line for line in said if not line.endswith(" received")]


def four_ends(deployment: Deployment, run: str, *options: str) -> dict[str, list[str]]:
    """One that is declined, one that is refused, one that succeeds the second time and one that does at once."""
    worker = deployment.worker(*options)
    results = {}
    for name, state, fault in (
        (DECLINED, "declined", None),
        (REFUSED, "dead", {"name": "F21"}),
        (AGAIN, "succeeded", {"name": "F10", "variant": "before", "form": "503"}),
        (WELL, "succeeded", None),
    ):
        if fault is not None:
            deployment.sandbox.fault(**fault, times=1, match={"method": "POST", "path_prefix": "/v1/payment_intents"})
        more = {"payment_method": "pm_card_chargeDeclined"} if name == DECLINED else {}
        results[name] = pay(f"{run}-{name}", **more)
        deployment.ends(results[name].id, state)
    for name in (DECLINED, REFUSED, AGAIN):
        eventually(lambda name=name: told(worker, results[name].id))  # type: ignore[misc]
    worker.end()
    return {name: told(worker, result.id) for name, result in results.items()}


def test_of_all_but_successes_celery_tells_as_it_would_have(deployment: Deployment) -> None:
    quiet = four_ends(deployment, "quiet")
    aloud = four_ends(deployment, "aloud", "-E")
    assert quiet[WELL] == []
    assert len(aloud[WELL]) == 1
    assert "succeeded" in aloud[WELL][0]
    for name in (DECLINED, REFUSED):
        assert quiet[name] == aloud[name], name
    assert quiet[AGAIN] == [line for line in aloud[AGAIN] if "succeeded" not in line]


def test_whoever_listens_hears_of_every_success(deployment: Deployment, tmp_path: Path) -> None:
    heard = tmp_path / "heard"
    deployment.worker(LOCKGATE_TASKS="given.listening", LISTENING_FILE=str(heard), PYTHONPATH=str(ROOT / "tests"))
    results = [pay(f"heard-{number}") for number in range(3)]
    for result in results:
        deployment.ends(result.id)
    expected = sorted(f"{PAY} {result.id}" for result in results)
    eventually(lambda: heard.exists() and sorted(heard.read_text().splitlines()) == expected)


def test_celerys_commands_show_what_is_under_way_and_count_what_went_well(deploy: Callable[..., Deployment]) -> None:
    deployment = deploy(call__total="600s", call__read="600s", call__lease="1200s", retry__give_up_after="1h")
    worker = deployment.worker(concurrency=1)
    inspect = app.control.inspect(timeout=30.0, limit=1)
    deployment.ends(pay("counted").id)
    eventually(lambda: inspect.active() is not None and named(inspect.active()) == [])
    (stats,) = inspect.stats().values()
    assert stats["total"][PAY] >= 1

    deployment.sandbox.fault("F04", match={"method": "POST", "path_prefix": "/v1/payment_intents"}, times=1)
    slow = pay("slow")
    eventually(lambda: charges(deployment, "slow"))
    behind = pay("behind")
    eventually(lambda: named(inspect.reserved()) == [(behind.id, PAY)])
    ((active,),) = inspect.active().values()
    assert (active["id"], active["name"]) == (slow.id, PAY)
    assert active["time_start"] is not None
    assert active["worker_pid"] == worker.process.pid
    (found,) = inspect.query_task([slow.id, behind.id]).values()
    assert {ticket: where for ticket, (where, _) in found.items()} == {slow.id: "active", behind.id: "reserved"}

    (answer,) = app.control.broadcast(
        "terminate", {"signal": "SIGTERM", "task_id": slow.id}, reply=True, timeout=30.0, limit=1
    )
    assert "error" in str(answer), "a thread cannot be ended from outside"
    assert named(inspect.active()) == [(slow.id, PAY)]


@pytest.mark.parametrize("more", [{}, {"eta": "tomorrow"}], ids=["a ticket twice", "refused by Celery"])
def test_a_forged_bundle_takes_up_no_place_for_ever(deployment: Deployment, more: dict[str, str]) -> None:
    ids = [f"00000000-0000-7000-8000-{number:012}" for number in (1, 2, 2, 1)]
    forged = json.loads(bundle._bundle([Hint(ticket_id, PAY, "stripe", 0, "default", "stripe") for ticket_id in ids]))
    forged["headers"] |= more
    with redis.Redis.from_url(deployment.valkey.url) as client:
        client.lpush("stripe", *[json.dumps(forged)] * 5)
    deployment.worker(concurrency=1)  # may hold two
    for number in range(3):
        deployment.ends(pay(f"after-them-{number}").id)
    held = [len(found) for found in app.control.inspect(timeout=30.0, limit=1).reserved().values()]
    assert held == [0]


def named(answer: Any) -> list[tuple[str, str]]:
    """The requests of an answer, by id and name."""
    return [(each["id"], each["name"]) for requests in (answer or {}).values() for each in requests]
