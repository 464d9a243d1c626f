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
    what = park.error_class or park.reason
    name = fingerprint(provider, kind, what, effect=park.effect, code=code, message=message)
    return Letter(name, message or None, code, hold)


def fingerprint(provider: str, kind: str, what: str, *, effect: str, code: str | None, message: str | None) -> str:
    """The name of the group of what failed alike.

    Args:
        provider: the provider's name.
        kind: the kind's name.
        what: the error class, or the reason where no answer had one.
        effect: what is known to be true at the provider: what is to be done depends on it.
        code: the provider's, or ours for a silence.
        message: normalised.
    """
    parts = (provider, kind, what, effect, code or "", message or "")
    return hashlib.sha256("\x1f".join(parts).encode()).hexdigest()[:_LENGTH]


def code_and_message(heard: object) -> tuple[str | None, str]:
    """What a failure says of itself; nothing for anything else."""
    return (heard.code, heard.message) if isinstance(heard, Failed) else (None, "")
