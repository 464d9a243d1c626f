"""What takes workers down again and again costs the others at most a tenth of what they get done (a drill of the night)."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from given.deployment import Deployment, Worker, eventually
from given.payments import pay, payment

from tasks.payments import take_payment

Deploy = Callable[..., Deployment]
POISONED = {"LOCKGATE_TASKS": "given.poison", "PYTHONPATH": str(Path(__file__).parents[1])}
SHORT = {"call__connect": "0.4s", "call__read": "0.8s", "call__total": "1s", "call__lease": "2s", "settle": "1s"}
#: What bounds the flow is the provider's limit, as in real life; the fleet has room to make up for what it loses.
LIMITED = {"limits": [{"calls": 50, "per": "1s"}], "traffic__calls_per_minute": 60_000, "retry__give_up_after": "15m"}
COUNT = 3000
HOW = ("segfault", "oom", "exit", "segfault", "oom")
LEAST = 0.9
_SPAN = """
SELECT extract(epoch FROM max(ended_at) - min(accepted_at))::float8 FROM lockgate.operations
WHERE business_key LIKE %s AND state = 'succeeded'
"""


@contextmanager
def supervised(deployment: Deployment, count: int) -> Iterator[list[Worker]]:
    """So many workers, each started again when it died."""
    workers = [deployment.worker(pool="threads", concurrency=8, **POISONED) for _ in range(count)]
    over, deaths = threading.Event(), list[Worker]()

    def supervise() -> None:
        while not over.wait(0.1):
            for at, worker in enumerate(workers):
                if worker.process.poll() is not None:
                    deaths.append(worker)
                    workers[at] = deployment.worker(pool="threads", concurrency=8, **POISONED)

    supervisor = threading.Thread(target=supervise)
    supervisor.start()
    try:
        yield deaths
    finally:
        over.set()
        supervisor.join()


def rate(deployment: Deployment, name: str, *, beside: Callable[[int], None]) -> float:
    """Operations a second, all of them ended; `beside` is called at each tenth of the way."""
    take_payment.accept_many([payment(f"{name}-{number}") for number in range(COUNT)])
    mine = f"operations WHERE business_key LIKE 'order:{name}-%' AND state = 'succeeded'"
    for tenth in range(1, 11):
        eventually(lambda tenth=tenth: deployment.count(mine) >= COUNT * tenth // 10, within=600)  # type: ignore[misc]
        beside(tenth)
    with deployment.platform.ledger.connection() as connection:
        row = connection.execute(_SPAN, [f"order:{name}-%"]).fetchone()
    assert row is not None
    return COUNT / float(row[0])


@pytest.mark.nightly
@pytest.mark.timeout(1800)
def test_operations_that_take_workers_down_cost_the_others_at_most_a_tenth(
    deploy: Deploy, request: pytest.FixtureRequest
) -> None:
    deployment = deploy(**SHORT, **LIMITED)
    poison: list[str] = []

    def one_more(tenth: int) -> None:
        if tenth <= len(HOW):
            poison.append(pay(f"poison-{HOW[tenth - 1]}-{tenth}").id)

    with supervised(deployment, 3) as deaths:
        without = rate(deployment, "calm", beside=lambda _: None)
        beside = rate(deployment, "beside", beside=one_more)
        eventually(lambda: all(deployment.state_of(one) in {"dead", "succeeded"} for one in poison))
    said = f"{beside:.1f} a second beside {len(poison)} of them and {len(deaths)} deaths, {without:.1f} without"
    request.config.get_terminal_writer().line(said)
    assert len(deaths) >= 2 * len(HOW)
    assert deployment.count("operations WHERE business_key LIKE '%poison%' AND crashes = 3") == len(HOW)
    assert deployment.count("operations WHERE business_key NOT LIKE '%poison%' AND state <> 'succeeded'") == 0
    assert beside >= LEAST * without, said
