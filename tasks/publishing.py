"""Publish hints from outside of a task: after a commit, or from a command."""

from collections.abc import Sequence

from celery import current_app

from ledger.due import Hint
from tasks import hint


def publish(hints: Sequence[Hint]) -> bool:
    """Publish hints over the application's own pool; False when the broker is away, which the sweep makes good."""
    if not hints:
        return True
    with current_app.producer_pool.acquire(block=True) as producer:
        return hint.publish(producer, hints)
