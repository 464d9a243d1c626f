"""The baseline: a Celery application as its manual shows it, with the same call and nothing that keeps it safe.

No results, log level WARNING, Celery's defaults otherwise; the shared Session's pools are as large as the concurrency.
"""

import os

import requests
from celery import Celery

from benchmarks import call

SLOTS = int(os.environ.get("BENCH_SLOTS", "32"))
QUEUE = "bench"

app = Celery("bare", broker=os.environ.get("BENCH_BROKER", ""))
app.conf.update(task_ignore_result=True, task_default_queue=QUEUE, broker_connection_retry_on_startup=True)

_session = call.session(SLOTS)


@app.task
def naive(**fields: object) -> None:
    """The call as most people write it."""
    call.paid(requests.post(call.URL, data=call.form(fields), headers=call.headers(fields), timeout=call.TIMEOUT))


@app.task
def session(**fields: object) -> None:
    """The same with connections kept alive."""
    call.paid(_session.post(call.URL, data=call.form(fields), headers=call.headers(fields), timeout=call.TIMEOUT))


@app.task
def noop(**fields: object) -> None:
    """Nothing: what Celery itself costs."""
