"""B1: acknowledged late, given back when a worker is lost, one idempotency key per order, `retry(countdown=…)`.

What the Celery documentation and every good article on it advise.
"""

import os
import random

import psycopg
from celery import Celery, Task
from celery.exceptions import OperationalError

from baselines import provider, shop

app = Celery("b1", broker=os.environ["SOAK_REDIS_URL"])
app.conf.update(
    task_acks_late=True,
    task_reject_on_worker_lost=True,
    worker_prefetch_multiplier=1,
    task_ignore_result=True,
    broker_connection_retry_on_startup=True,
    # An hour by default; everything in the soak takes a tenth of its time, and the longest countdown must stay below it.
    broker_transport_options={"visibility_timeout": 40},
)
_TRIES = 6
_LONGEST = 30.0  # seconds between two tries


@app.task(bind=True, max_retries=_TRIES - 1)
def carry_out(self: Task, name: str) -> None:
    """Carry one order out. Safe to run twice as far as the provider honours the key."""
    try:
        tenant, kind, fields, status = shop.find(name)
        if status != shop.PENDING:
            return  # delivered twice, and done
        reference = provider.send(name, tenant, kind, fields, key=f"order-{name}")
        shop.settle(name, shop.DONE, reference=reference)
    except provider.RefusedError as refused:
        shop.settle(
            name, shop.DECLINED if isinstance(refused, provider.DeclinedError) else shop.FAILED, why=str(refused)
        )
    except (*provider.WORTH_ANOTHER_TRY, psycopg.OperationalError) as error:
        if self.request.retries >= self.max_retries:
            shop.settle(name, shop.FAILED, why=repr(error)[:200])
            return
        wait = min(2.0**self.request.retries, _LONGEST) * random.uniform(0.5, 1.0)  # noqa: S311  jitter
        raise self.retry(exc=error, countdown=wait) from error


def order(name: str, tenant: str, kind: str, fields: dict[str, object]) -> None:
    """What the web request does."""
    if shop.place(name, tenant, kind, fields):
        try:
            carry_out.delay(name)
        except OperationalError:
            shop.forget(name)
            raise
