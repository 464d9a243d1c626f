"""Publish hints from outside of a task: after a commit, or from a command."""

from collections.abc import Sequence

from ledger.due import Hint
from tasks import hint
from tasks.platform import platform


def publish(hints: Sequence[Hint]) -> bool:
    """Publish hints; False when the broker is away, which the sweep makes good."""
    return hint.publish(platform().wire, hints) if hints else True
