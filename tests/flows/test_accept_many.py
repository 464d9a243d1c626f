"""`accept_many` in batches, each drafted while the one before is committed: what it says and leaves is as if one by one."""

from typing import Any

import pytest
import redis
from billiard.exceptions import SoftTimeLimitExceeded
from given.deployment import Deployment
from given.orders import order

from tasks import batches
from tasks.payments import take_payment


@pytest.fixture(autouse=True)
def _small_batches(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batches, "_BATCH", 3)


def accept(*fields: Any) -> list[Any]:
    told: list[Any] = take_payment.accept_many(list(fields))
    return told


def hints(deployment: Deployment) -> int:
    with redis.Redis.from_url(deployment.valkey.url) as client:
        return int(client.llen("stripe"))


def test_answers_come_in_order_across_batches(deployment: Deployment) -> None:
    asked = [order(f"row-{number}") for number in range(10)]
    asked[4] = order("row-4", amount=-1)
    asked[7] = order("row-0", amount=1)
    asked[8] = order("row-1")
    told = accept(*asked)
    assert [one.answer for one in told] == [
        "accepted", "accepted", "accepted", "accepted", "invalid", "accepted", "accepted", "conflict", "existing",
        "accepted",
    ]  # fmt: skip
    assert told[8].operation_id == told[1].operation_id
    for one, fields in zip(told, asked, strict=True):
        if one.answer == "accepted":
            assert deployment.row("o.business_key, o.state", one.ticket_id) == (
                f"order:{fields['order_id']}:payment",
                "waiting",
            )


def test_what_breaks_the_second_batch_leaves_the_first_accepted_and_hinted(deployment: Deployment) -> None:
    before = hints(deployment)
    with pytest.raises(TypeError):
        accept(order("kept-0"), order("kept-1"), order("kept-2"), 7)
    assert hints(deployment) > before
    told = accept(*(order(f"kept-{number}") for number in range(3)))
    assert [one.answer for one in told] == ["existing"] * 3


def test_a_time_limit_that_comes_while_the_second_batch_is_drafted_is_heard(
    deployment: Deployment, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It comes once: whoever swallows it, and drafts anew, has no limit any more."""
    drafting, times = batches.all_drafted, []

    def until_the_second(*args: Any, **options: Any) -> Any:
        times.append(1)
        if len(times) == 2:
            raise SoftTimeLimitExceeded
        return drafting(*args, **options)

    before = hints(deployment)
    monkeypatch.setattr(batches, "all_drafted", until_the_second)
    with pytest.raises(SoftTimeLimitExceeded):
        accept(*(order(f"late-{number}") for number in range(9)))
    assert hints(deployment) > before
    told = accept(*(order(f"late-{number}") for number in range(9)))
    assert [one.answer for one in told] == ["existing"] * 3 + ["accepted"] * 6
