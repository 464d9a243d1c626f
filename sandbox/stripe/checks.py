"""Checks of parameters; what fails here is refused in front of the idempotency layer and saved under no key."""

from typing import NoReturn

from sandbox.journal import Json
from sandbox.provider import Call, RefusedError
from sandbox.stripe.errors import INVALID, problem

LARGEST = 99_999_999
MOST_METADATA, LONGEST_NAME, LONGEST_VALUE = 50, 40, 500
FLAGS = {"true": True, "false": False}


def names(text: str) -> frozenset[str]:
    """Return the words of a text: which parameters an endpoint takes, written so that they can be read."""
    return frozenset(text.split())


CURRENCIES = names(
    "aed aud bgn brl cad chf cny czk dkk eur gbp hkd huf ils inr isk jpy krw mxn myr nok nzd pln ron sek sgd thb try "
    "twd usd zar"
)


def known(call: Call, params: Json, takes: frozenset[str]) -> None:
    """Refuse a parameter that this endpoint does not take."""
    for name in params:
        if name not in takes and name != "expand":
            _refuse(call, f"Received unknown parameter: {name}", "parameter_unknown", name)


def whole(call: Call, params: Json, name: str, *, most: int = LARGEST) -> int | None:
    """Return a positive whole number, or nothing if it was not given."""
    text = params.get(name)
    if text is None:
        return None
    if not isinstance(text, str) or not text.isdecimal():
        _refuse(call, f"Invalid integer: {text}", "parameter_invalid_integer", name)
    number = int(text)
    if not 1 <= number <= most:
        _refuse(call, f"This value must be between 1 and {most}.", "parameter_invalid_integer", name)
    return number


def flag(call: Call, params: Json, name: str) -> bool:
    """Return a boolean, false if it was not given."""
    text = params.get(name, "false")
    if not isinstance(text, str) or text not in FLAGS:
        _refuse(call, f"Invalid boolean: {text}", None, name)
    return FLAGS[text]


def choice(call: Call, params: Json, name: str, choices: tuple[str, ...]) -> str:
    """Return one of the choices, the first if none was given."""
    text = params.get(name, choices[0])
    if text not in choices:
        _refuse(call, f"Invalid {name}: must be one of {', '.join(choices)}", None, name)
    return str(text)


def text(call: Call, params: Json, name: str) -> str | None:
    """Return a text, or nothing if it was not given or is empty."""
    value = params.get(name)
    if value is not None and not isinstance(value, str):
        _refuse(call, f"Invalid string: {name}", None, name)
    return value or None


def needed(call: Call, params: Json, name: str) -> None:
    """Refuse a request that lacks a parameter."""
    if not params.get(name):
        _refuse(call, f"Missing required param: {name}.", "parameter_missing", name)


def currency(call: Call, params: Json) -> str:
    """Return a currency in lower case."""
    needed(call, params, "currency")
    name = str(params["currency"]).lower()
    if name not in CURRENCIES:
        _refuse(call, f"Invalid currency: {name}", None, "currency")
    return name


def metadata(call: Call, params: Json) -> dict[str, str]:
    """Return metadata within Stripe's bounds; an empty value means that its name is to go."""
    given = params.get("metadata") or {}
    if not isinstance(given, dict):
        _refuse(call, "Invalid hash: metadata", None, "metadata")
    if len(given) > MOST_METADATA:
        _refuse(call, f"Metadata can have up to {MOST_METADATA} keys.", None, "metadata")
    for name, value in given.items():
        if len(name) > LONGEST_NAME or not isinstance(value, str) or len(value) > LONGEST_VALUE:
            _refuse(call, f"Invalid metadata: {name}", None, "metadata")
    return given


def merged(old: dict[str, str], new: dict[str, str]) -> dict[str, str]:
    """Return metadata with new values set and emptied names gone."""
    return {name: value for name, value in (old | new).items() if value != ""}


def _refuse(call: Call, message: str, code: str | None, param: str) -> NoReturn:
    raise RefusedError(problem(call, 400, INVALID, message, code=code, param=param))
