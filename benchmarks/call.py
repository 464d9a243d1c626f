"""The call that everybody makes who is compared with: a payment, as an application would write it with requests."""

import os
from typing import Any

import requests
from requests.adapters import HTTPAdapter

URL = os.environ.get("BENCH_URL", "")
TIMEOUT = (5, 20)  # seconds


def session(connections: int) -> requests.Session:
    """Keeps so many connections alive."""
    made = requests.Session()
    for scheme in ("http://", "https://"):
        made.mount(scheme, HTTPAdapter(pool_connections=1, pool_maxsize=connections))
    return made


def form(fields: dict[str, Any]) -> dict[str, Any]:
    """What is posted."""
    return {
        "amount": fields["amount"],
        "currency": fields["currency"],
        "customer": fields["customer"],
        "confirm": "true",
        "off_session": "true",
        "metadata[order_id]": fields["order_id"],
    }


def headers(fields: dict[str, Any]) -> dict[str, str]:
    """With a key that is the same for each try."""
    return {"Authorization": "Bearer sk_test_bench", "Idempotency-Key": f"order-{fields['order_id']}"}


def paid(answer: requests.Response) -> None:
    """Raises unless it was."""
    answer.raise_for_status()
    check(answer.json())


def check(answer: dict[str, Any]) -> None:
    """Raises unless the answer says that it was paid."""
    if answer["status"] != "succeeded":
        raise RuntimeError("not paid")
