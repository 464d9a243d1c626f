"""How a dead letter is filed: by a fingerprint that equal failures share and different ones do not."""

import hashlib

from ledger.record import Letter
from operations.outcome import Failed
from resilience.decide import Park

_LENGTH = 12  # characters; enough to tell groups apart, short enough to type


def letter(
    provider: str, kind: str, park: Park, *, code: str | None, message: str, hold: float | None = None
) -> Letter:
    """File a dead letter.

    Args:
        provider: the provider's name.
        kind: the kind's name.
        park: why it was parked.
        code: the provider's code, or ours for a silence.
        message: normalised: what differs from case to case must not split a group.
        hold: seconds for which a canvas waits for a person before it fails.
    """
    parts = (provider, kind, park.reason, park.error_class or "", code or "", message)
    fingerprint = hashlib.sha256("\x00".join(parts).encode()).hexdigest()[:_LENGTH]
    return Letter(fingerprint, message or None, code, hold)


def code_and_message(heard: object) -> tuple[str | None, str]:
    """What a failure says of itself; nothing for anything else."""
    return (heard.code, heard.message) if isinstance(heard, Failed) else (None, "")
