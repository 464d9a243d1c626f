"""Publish hints from outside of a task: after a commit, or from a command."""

from collections.abc import Sequence

from ledger.due import Hint
from tasks import hint


def publish(hints: Sequence[Hint]) -> bool:
    """Publish hints over the application's own pool; False when the broker is away, which the sweep makes good."""
    if not hints:
        return True
    # Not Celery's current_app: in a thread that the application started, that is an empty app with a broker of its own.
    from tasks.app import app  # noqa: PLC0415  its tasks need us

    with app.producer_pool.acquire(block=True) as producer:
        return hint.publish(producer, hints)
