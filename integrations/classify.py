"""What an answer, or none, means where the provider's adapter does not say otherwise: by class and by effect."""

from dataclasses import dataclass
from datetime import UTC
from email.utils import parsedate_to_datetime

from operations.outcome import Effect, ErrorClass, Failed
from operations.request import Reply, Request, Silence

_LONGEST_RETRY_AFTER = 86_400.0  # seconds; a quota may be a day's, and after a day we ask again whatever was said
_SENSELESS = 31 * 86_400.0  # seconds; whoever says more has made a mistake, which must not stop a tenant for a day
_LONGEST_DIGITS = 9

_TOO_MANY = 429
_REDIRECTS = range(300, 400)
_REFUSALS = range(400, 500)
BROKEN = range(500, 600)
_CREDENTIALS_REFUSED = 401
_CONFLICT = 409  # in progress, there already (perhaps ours), or made by somebody else: only asking tells
_TIMED_OUT_THERE = 408  # the provider gave up reading: it may have read it all


@dataclass(frozen=True, slots=True)
class Profile:
    """What the provider's file says of its answers.

    Attributes:
        refusals: 5xx that the provider documents as a refusal: nothing was done.
    """

    refusals: frozenset[int] = frozenset()


def of_silence(silence: Silence, request: Request) -> Failed:
    """No whole answer: nothing happened if no byte left; nobody knows if one did."""
    if not silence.sent or not request.writes:
        return Failed(ErrorClass.TRANSIENT, Effect.NONE, silence.code, silence.message, down=silence.down)
    return Failed(ErrorClass.AMBIGUOUS, Effect.UNKNOWN, silence.code, silence.message, down=silence.down)


def of_reply(reply: Reply, profile: Profile) -> Failed:
    """An answer that is no success, or that cannot be read.

    A success that cannot be read is ambiguous: it most likely happened.
    """
    status = reply.status
    code = f"http_{status}"
    if status == _TOO_MANY:
        return Failed(ErrorClass.RATE_LIMITED, Effect.NONE, code, retry_after=retry_after(reply))
    if status in profile.refusals:
        return Failed(ErrorClass.TRANSIENT, Effect.NONE, code, retry_after=retry_after(reply), down=True)
    if status in BROKEN or status in {_CONFLICT, _TIMED_OUT_THERE}:
        down = status != _CONFLICT
        return Failed(ErrorClass.AMBIGUOUS, Effect.UNKNOWN, code, retry_after=retry_after(reply), down=down)
    if status in _REDIRECTS:
        return Failed(ErrorClass.CLIENT, Effect.NONE, code, "redirects are not followed: correct the base URL")
    if status in _REFUSALS:
        return Failed(ErrorClass.CLIENT, Effect.NONE, code, connection=status == _CREDENTIALS_REFUSED)
    return Failed(
        ErrorClass.AMBIGUOUS, Effect.UNKNOWN, "unreadable", f"status {status} with a body that cannot be read"
    )


def retry_after(reply: Reply) -> float | None:
    """Seconds that `Retry-After` asks for, in either form; None when it is absent or makes no sense.

    Of several values the longest counts. A date is taken relative to the provider's own clock.
    """
    header = reply.headers.get("retry-after")
    if header is None:
        return None
    parts = [header] if _date(header) is not None else header.split(",")
    found = [value for part in parts if (value := _seconds(part.strip(), reply)) is not None]
    return max(found, default=None)


def _seconds(value: str, reply: Reply) -> float | None:
    digits = value.removeprefix("-")
    if digits.isascii() and digits.isdigit():
        if value.startswith("-"):
            return 0.0
        return _sensible(float(digits)) if len(digits) <= _LONGEST_DIGITS else None
    when, theirs = _date(value), _date(reply.headers.get("date", ""))
    return None if when is None or theirs is None else _sensible(max(when - theirs, 0.0))


def _sensible(asked: float) -> float | None:
    return min(asked, _LONGEST_RETRY_AFTER) if asked <= _SENSELESS else None


def _date(value: str) -> float | None:
    try:
        parsed = parsedate_to_datetime(value)
    except (ValueError, TypeError, OverflowError):
        return None
    return (parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC)).timestamp()
