"""Breakers opening and closing, written down: the ledger holds the truth, Redis its copy."""

from ledger import breakers
from ledger.session import LOST
from resilience.permit import Health
from tasks.platform import Platform


def note_move(platform: Platform, provider: str, health: Health) -> None:
    """Write down a transition that this process caused. If it cannot, the sweep finds the difference and does."""
    if not health.moved or health.before is None or health.after is None:
        return
    try:
        with platform.ledger.connection() as connection:
            breakers.note(
                connection, provider, before=health.before, after=health.after, trip=health.trip,
                retry_in=health.retry_in, worker=platform.here,
            )  # fmt: skip
    except LOST:
        return
