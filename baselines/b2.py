"""B2: B1 with an outbox. The message is written down in the order's transaction, and a relay sends what is written there.

The relay is a thread in every worker, so that nobody forgets to start it; SKIP LOCKED keeps them out of each other's way. It
sends first and deletes then: who dies in between sends twice, and never not at all.
"""

import logging
import threading
import time
from typing import Any

import psycopg
from celery.exceptions import OperationalError
from celery.signals import worker_ready

from baselines import shop
from baselines.b1 import app, carry_out

__all__ = ["app", "carry_out", "order"]
_PAUSE = 0.2  # seconds between two looks
_SLICE = """
DELETE FROM outbox WHERE id IN (SELECT id FROM outbox ORDER BY id LIMIT 50 FOR UPDATE SKIP LOCKED) RETURNING name
"""
logger = logging.getLogger(__name__)


def order(name: str, tenant: str, kind: str, fields: dict[str, object]) -> None:
    """What the web request does."""
    shop.place(name, tenant, kind, fields, outbox=True)


def relay() -> None:
    """Send what lies in the outbox, for ever; the deletion is committed once everything was sent."""
    while True:
        time.sleep(_PAUSE)
        try:
            with shop.connect() as connection:
                for (name,) in connection.execute(_SLICE).fetchall():
                    carry_out.delay(name)
        except (psycopg.OperationalError, OperationalError) as error:
            logger.warning("the outbox waits: %s", error)


@worker_ready.connect
def start_relay(**_: Any) -> None:
    """With the worker."""
    threading.Thread(target=relay, name="relay", daemon=True).start()
