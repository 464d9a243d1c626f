"""A backlog that slow workers work off: what Redis holds stays within its window, and hardly anything is hinted at twice.

A hundred thousand are for the night (`make backlog`); three windows of them fit into every run of the tests.
"""

from collections.abc import Callable

import pytest
import redis
from given.deployment import Deployment, eventually
from given.hints import hinted
from given.payments import payment

from tasks.payments import take_payment
from tasks.sweep import WINDOW

Deploy = Callable[..., Deployment]
PLENTY = {"limits": [{"calls": 5000, "per": "1s"}], "traffic__calls_per_minute": 60_000}
SLOW = 0.05  # seconds that the provider takes
HINTS_EACH = 1.2  # for each operation, at most, where nothing is broken
#: Counted by PostgreSQL: whoever hints notes it in the row, and a sequence is rolled back by nobody.
_COUNTER = (
    "CREATE SEQUENCE public.hints",
    """CREATE FUNCTION public.count_hint() RETURNS trigger LANGUAGE plpgsql AS
        'BEGIN PERFORM nextval(''public.hints''); RETURN NULL; END'""",
    """CREATE TRIGGER accepted AFTER INSERT ON lockgate.operations FOR EACH ROW
        WHEN (NEW.hinted_at IS NOT NULL) EXECUTE FUNCTION public.count_hint()""",
    """CREATE TRIGGER hinted AFTER UPDATE ON lockgate.operations FOR EACH ROW
        WHEN (NEW.hinted_at IS NOT NULL AND NEW.hinted_at IS DISTINCT FROM OLD.hinted_at)
        EXECUTE FUNCTION public.count_hint()""",
)


def hints(deployment: Deployment) -> int:
    with deployment.platform.ledger.connection() as connection:
        row = connection.execute("SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM public.hints").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.timeout(7200)
@pytest.mark.parametrize(
    "count", [3 * WINDOW, pytest.param(100_000, marks=pytest.mark.nightly)], ids=["three windows", "a hundred thousand"]
)
def test_slow_workers_find_no_more_in_redis_than_the_window_and_each_hint_once(deploy: Deploy, count: int) -> None:
    deployment = deploy(**PLENTY, retry__give_up_after="6h")  # a busy machine may take an hour
    deployment.sandbox.control("POST", "/config", latency=SLOW)
    with deployment.platform.ledger.connection() as connection:
        for statement in _COUNTER:
            connection.execute(statement)
    for _ in range(2):
        deployment.worker(concurrency=4)
    first = 3 * WINDOW  # in one call, of which no more than the window is hinted at; then the sweep holds the lane
    take_payment.accept_many([payment(f"9101-{number}") for number in range(first)])
    eventually(lambda: deployment.count("lanes WHERE held_by = 'window' OR held_by = 'rate'"))
    for start in range(first, count, 1000):
        take_payment.accept_many([payment(f"9101-{number}") for number in range(start, min(start + 1000, count))])
    most = 0
    with redis.Redis.from_url(deployment.valkey.url) as client:

        def all_done() -> bool:
            nonlocal most
            most = max(most, len(hinted(client)))
            assert deployment.count("dead_letters") == 0
            return deployment.count("operations WHERE state = 'succeeded'") == count

        eventually(all_done, within=6000, every=0.2)
    assert WINDOW / 2 < most <= WINDOW  # it pressed against the window, or this shows nothing
    assert count <= hints(deployment) <= HINTS_EACH * count
    assert len(deployment.sandbox.effects()) == count
