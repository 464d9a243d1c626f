"""A worker killed between an outcome and what follows it: only what follows is sent again, and it acts once."""

from pathlib import Path
from typing import Any

import pytest
from celery import chain, chord
from given.deployment import PATIENCE, Deployment, eventually
from given.orders import calls, charges, order
from given.shop import alarm, note, references, wrote

from tasks.payments import take_payment


def start_worker(shop: Deployment, folder: Path, place: str, pool: str) -> None:
    """A worker that dies once at a place, and one that takes over. Of a pool's children only the child dies.

    It reads the provider's queue alone: a plain task that it had in hand, written and not yet recorded, would rightly run
    again, and would say nothing of whether what follows was sent twice.
    """
    tasks = {"LOCKGATE_TASKS": "given.shop,given.faltering", "FALTER_AT": place, "FALTER_MARK": str(folder / "fell")}
    shop.worker("-Q", "stripe", pool=pool, concurrency=2, **tasks)


def died(shop: Deployment, folder: Path) -> None:
    eventually((folder / "fell").exists)
    shop.worker(concurrency=4)
    with shop.platform.ledger.connection() as connection:  # the lease of a plain task is a minute: not today
        connection.execute(
            "UPDATE lockgate.operations SET lease_until = statement_timestamp() "
            "WHERE state = 'calling' AND provider = 'local'"
        )


@pytest.mark.parametrize("pool", ["threads", "prefork"])
@pytest.mark.parametrize("place", ["outcome written", "all sent"])
def test_the_provider_is_not_called_again_for_what_follows(
    bare_shop: Deployment, tmp_path: Path, place: str, pool: str
) -> None:
    start_worker(bare_shop, tmp_path, place, pool)
    first = take_payment.s(**order("p1")).set(link=note.s("link"))
    result: Any = chain(first, note.s("step"), take_payment.si(**order("p2"))).delay()
    died(bare_shop, tmp_path)
    told = result.get(timeout=PATIENCE)
    assert [told["reference"]] == charges(bare_shop, "p2")
    assert calls(bare_shop) == 2
    eventually(lambda: wrote("link"))
    eventually(lambda: bare_shop.count("tickets WHERE follows AND finalised_at IS NULL") == 0)
    assert (len(wrote("link")), len(wrote("step"))) == (1, 1)
    assert bare_shop.count("operations") == 4  # two payments, a link and a step: none of them waits to be done again


@pytest.mark.parametrize("place", ["failure written", "all sent"])
def test_an_errback_acts_once(bare_shop: Deployment, tmp_path: Path, place: str) -> None:
    start_worker(bare_shop, tmp_path, place, "threads")
    declined = order("p3", payment_method="pm_card_chargeDeclined")
    result = take_payment.apply_async(kwargs=declined, link_error=alarm.s("p3"))
    died(bare_shop, tmp_path)
    eventually(lambda: bare_shop.count("tickets WHERE follows AND finalised_at IS NOT NULL") == 1)
    assert eventually(lambda: wrote("p3")) == [result.id]
    assert calls(bare_shop) == 1


@pytest.mark.parametrize("place", ["chord counted", "all sent"])
def test_a_chords_body_runs_once(bare_shop: Deployment, tmp_path: Path, place: str) -> None:
    start_worker(bare_shop, tmp_path, place, "threads")
    members = [take_payment.si(**order(f"p4-{number}")) for number in range(3)]
    result = chord(members, references.s()).delay()
    died(bare_shop, tmp_path)
    told = result.get(timeout=PATIENCE)
    assert told == [charges(bare_shop, f"p4-{number}")[0] for number in range(3)]
    eventually(lambda: bare_shop.count("tickets WHERE follows AND finalised_at IS NULL") == 0)
    assert wrote("references") == [told]
    assert calls(bare_shop) == 3
