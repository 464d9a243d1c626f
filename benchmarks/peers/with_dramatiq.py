"""The payment as a Dramatiq actor over Redis, with connections kept alive and Dramatiq's defaults."""

import os

import dramatiq
from dramatiq.brokers.redis import RedisBroker

from benchmarks import call

dramatiq.set_broker(RedisBroker(url=os.environ["BENCH_BROKER"]))
_session = call.session(int(os.environ["BENCH_SLOTS"]))


@dramatiq.actor
def pay(**fields: object) -> None:
    """Take one payment."""
    call.paid(_session.post(call.URL, data=call.form(fields), headers=call.headers(fields), timeout=call.TIMEOUT))


def send(fields: dict[str, object]) -> None:
    """Enqueue one."""
    pay.send(**fields)
