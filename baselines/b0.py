"""B0: `autoretry_for` with backoff, and a new idempotency key for each try, as in many a first version.

Message and order are two things here: the order is committed, then the message is sent.
"""

import os
import uuid

import psycopg
from celery import Celery, Task
from celery.exceptions import OperationalError

from baselines import provider, shop

app = Celery("b0", broker=os.environ["SOAK_REDIS_URL"])
app.conf.update(task_ignore_result=True, broker_connection_retry_on_startup=True)


class Order(Task):
    """Whoever runs out of tries is marked as failed, so that somebody is told."""

    def on_failure(self, exc: BaseException, task_id: str, args: tuple[str], kwargs: object, einfo: object) -> None:
        """Celery calls this after the last try."""
        del task_id, kwargs, einfo
        declined = isinstance(exc, provider.DeclinedError)
        shop.settle(args[0], shop.DECLINED if declined else shop.FAILED, why=repr(exc)[:200])


@app.task(
    base=Order, autoretry_for=(*provider.WORTH_ANOTHER_TRY, psycopg.OperationalError), max_retries=5, retry_backoff=1,
    retry_backoff_max=30,
)  # fmt: skip
def carry_out(name: str) -> None:
    """Carry one order out."""
    tenant, kind, fields, status = shop.find(name)
    if status != shop.PENDING:
        return
    reference = provider.send(name, tenant, kind, fields, key=str(uuid.uuid4()))
    shop.settle(name, shop.DONE, reference=reference)


def order(name: str, tenant: str, kind: str, fields: dict[str, object]) -> None:
    """What the web request does."""
    if shop.place(name, tenant, kind, fields):
        try:
            carry_out.delay(name)
        except OperationalError:
            shop.forget(name)
            raise
