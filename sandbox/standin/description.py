"""What is to be played: a TOML file that says where things are made, what protects them, and where they are found."""

import re
import tomllib
from dataclasses import MISSING, dataclass, field, fields
from pathlib import Path
from typing import Any

_NAME = re.compile(r"[a-z][a-z0-9]*")
_PLACE = re.compile(r"/[^\s?#]*")
TAKEN = ("stripe", "postmark", "plain", "control")


class DescriptionError(ValueError):
    """A description that cannot be played; the message says the mend."""


@dataclass(frozen=True, slots=True)
class Make:
    """One endpoint that does something.

    Attributes:
        effect: what the journal calls what was done.
        path: of the POST; `{names}` stand for anything.
        status: of a success.
        id: dotted name in the answer of what the provider calls the thing.
        key: the header of an idempotency key that the provider honours: the first answer, whatever it was, is given again.
        unique: dotted name in the body of a value that the provider takes only once.
        mark: dotted name in the body of our own key, by which the journal knows whose request it is.
        find: the path of a GET that shows one thing, `{id}` for the provider's own name, any other `{name}` for that of the
            body; or that lists things, by the one query parameter in `find_by`.
        list: dotted name in the answer of a list under which the things stand.
    """

    effect: str
    path: str
    status: int = 201
    id: str = "id"
    key: str = ""
    unique: str = ""
    mark: str = ""
    find: str = ""
    find_by: dict[str, str] = field(default_factory=dict)
    list: str = "data"


@dataclass(frozen=True, slots=True)
class Description:
    """A whole provider.

    Attributes:
        token: the header in which the credential comes; what stands in front of its last word is not looked at.
        account: the path of a GET that tells whose account it is, under `account`.
    """

    name: str
    makes: tuple[Make, ...]
    token: str = "Authorization"  # noqa: S105  a header's name
    account: str = "/me"


def read(path: Path) -> Description:
    """Read a description.

    Raises:
        DescriptionError: it cannot be read, or something in it is wrong.
    """
    try:
        content = tomllib.loads(path.read_text())
    except OSError as error:
        raise DescriptionError(f"{path}: cannot be read ({error.strerror})") from None
    except tomllib.TOMLDecodeError as error:
        raise DescriptionError(f"{path}: not TOML: {error}") from None
    makes = content.get("makes")
    if not isinstance(makes, list) or not makes or not all(isinstance(make, dict) for make in makes):
        raise DescriptionError(f"{path}: say with a table [[makes]] at which path what is done")
    made = tuple(_make(make, f"{path}: makes") for make in makes)
    _known(Description, content, str(path))
    said = Description(**content | {"makes": made})
    if not _NAME.fullmatch(said.name) or said.name in TAKEN:
        raise DescriptionError(f"{path}: name = {said.name!r} must be small letters, and none of {', '.join(TAKEN)}")
    if not _PLACE.fullmatch(said.account):
        raise DescriptionError(f'{path}: account = {said.account!r} is no path, such as "/me"')
    return said


def _make(given: dict[str, Any], where: str) -> Make:
    _known(Make, given, where)
    make = Make(**given)
    for name in ("path", "find"):
        place = getattr(make, name)
        if (place or name == "path") and not _PLACE.fullmatch(place):
            raise DescriptionError(f'{where}.{name} = {place!r} is no path, such as "/things"')
    if len(make.find_by) > 1 or not all(isinstance(one, str) for one in make.find_by.values()):
        raise DescriptionError(f'{where}.find_by names one parameter and its field, such as {{ mark = "our_key" }}')
    if make.find_by and not make.find:
        raise DescriptionError(f"{where}.find_by needs `find`: the path of the list")
    return make


def _known(shape: type, given: dict[str, Any], where: str) -> None:
    """Refuse names and types that the shape does not have."""
    known = {one.name: one for one in fields(shape)}
    for name, value in given.items():
        if name not in known:
            raise DescriptionError(f"{where}: {name} is not known here; known are {', '.join(known)}")
        kind = {"status": int, "find_by": dict, "makes": list}.get(name, str)
        if not isinstance(value, kind):
            raise DescriptionError(f"{where}: {name} = {value!r} must be {_WORDS[kind]}")
    for name, one in known.items():
        if name not in given and one.default is MISSING and one.default_factory is MISSING:
            raise DescriptionError(f"{where}: {name} is missing")


_WORDS: dict[type, str] = {int: "a number", dict: "a table", list: "a list of tables", str: "text in quotes"}
