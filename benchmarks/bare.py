"""The baseline: a Celery application as its manual shows it, with the same call and nothing that keeps it safe.

No results, log level WARNING, Celery's defaults otherwise; the shared Session's pools are as large as the concurrency.
"""

import os

import requests
from celery import Celery
from requests.adapters import HTTPAdapter

URL = os.environ.get("BENCH_URL", "")
SLOTS = int(os.environ.get("BENCH_SLOTS", "32"))
QUEUE = "bench"

app = Celery("bare", broker=os.environ.get("BENCH_BROKER", ""))
app.conf.update(task_ignore_result=True, task_default_queue=QUEUE, broker_connection_retry_on_startup=True)

_session = requests.Session()
for scheme in ("http://", "https://"):
    _session.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=SLOTS))


@app.task
def naive(**fields: object) -> None:
    """The call as most people write it."""
    _paid(requests.post(URL, data=_form(fields), headers=_headers(fields), timeout=(5, 20)))


@app.task
def session(**fields: object) -> None:
    """The same with connections kept alive."""
    _paid(_session.post(URL, data=_form(fields), headers=_headers(fields), timeout=(5, 20)))


@app.task
def noop(**fields: object) -> None:
    """Nothing: what Celery itself costs."""


def _form(fields: dict[str, object]) -> dict[str, object]:
    return {
        "amount": fields["amount"],
        "currency": fields["currency"],
        "customer": fields["customer"],
        "confirm": "true",
        "off_session": "true",
        "metadata[order_id]": fields["order_id"],
    }


def _headers(fields: dict[str, object]) -> dict[str, str]:
    return {"Authorization": "Bearer sk_test_bench", "Idempotency-Key": f"order-{fields['order_id']}"}


def _paid(answer: requests.Response) -> None:
    answer.raise_for_status()
    if answer.json()["status"] != "succeeded":
        raise RuntimeError("not paid")
