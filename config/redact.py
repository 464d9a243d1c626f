"""Take out of a text what nobody may read: this deployment's secrets, and what looks like somebody's."""

import re
from collections.abc import Callable, Iterable

MASK = "***"
_SHORTEST_SECRET = 6  # characters; masking every "a" of a log would hide the log and not the password
_DIGITS = re.compile(r"\d")

#: Shapes of secrets and of personal data: what such a text has somewhere (most have none of it, and looking for that is
#: quick), the shape, and what stands in its place.
_SHAPES = (
    (("_live_", "_test_", "whsec_"), re.compile(r"\b((?:sk|rk|pk)_(?:live|test)_|whsec_)[A-Za-z0-9_]+"), rf"\1{MASK}"),
    ((" ",), re.compile(r"\b(Bearer|Basic|Token) +[^\s\"',;]+", re.IGNORECASE), rf"\1 {MASK}"),
    (("eyJ",), re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]*"), MASK),  # a JSON web token
    (("://",), re.compile(r"://[^\s/@:]*:[^\s@]+@"), f"://{MASK}@"),  # a URL's user and password
    (("_secret_",), re.compile(r"\b(\w*_secret)_[A-Za-z0-9]{8,}"), rf"\1_{MASK}"),  # Stripe's client secrets
    (("?",), re.compile(r"(/[^\s?\"']*)\?[^\s\"')]+"), rf"\1?{MASK}"),  # a query string
    (("@",), re.compile(r"[\w.+-]+@[\w-]+(?:\.[\w-]+)+"), "<email>"),
    # Celery shows the whole body of a message that it does not understand.
    (("body",), re.compile(r"((?:contents of the message body was|\bbody): ?).*?(?=\n\n|\Z)", re.DOTALL), rf"\1{MASK}"),
)
_CARD = re.compile(r"\b(?:\d[ -]?){12,18}\d\b")


def redactor(secrets: Iterable[str]) -> Callable[[str], str]:
    """Make the function that redacts a text.

    Args:
        secrets: what is masked wherever it stands, whatever it looks like.
    """
    longest_first = sorted({text for text in secrets if len(text) >= _SHORTEST_SECRET}, key=len, reverse=True)
    known = re.compile("|".join(map(re.escape, longest_first))) if longest_first else None

    def redact(text: str) -> str:
        if known is not None:
            text = known.sub(MASK, text)
        for signs, shape, instead in _SHAPES:
            if any(sign in text for sign in signs):
                text = shape.sub(instead, text)
        return _CARD.sub(_without_card, text)

    return redact


def _without_card(found: re.Match[str]) -> str:
    """A number that passes the check of payment cards is taken for one."""
    total = 0
    for place, digit in enumerate(reversed(_DIGITS.findall(found[0]))):
        value = int(digit) * (1 + place % 2)
        total += value - 9 if value > 9 else value  # noqa: PLR2004  Luhn's own nine
    return found[0] if total % 10 else "<card>"
