"""Looking for e-mails that were sent."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import NoReturn

from sandbox.clock import Clock
from sandbox.postmark.errors import INVALID, UNKNOWN_MESSAGE, problem
from sandbox.postmark.message import Message, undated
from sandbox.postmark.post import Post
from sandbox.provider import Call, Done, RefusedError, Work
from sandbox.settings import Settings
from sandbox.wire.answer import in_json

LARGEST_PAGE, FURTHEST = 500, 10_000
METADATA = "metadata_"


@dataclass(frozen=True, slots=True)
class Search:
    """Which messages are wanted."""

    count: int
    offset: int
    word: tuple[str, str] | None
    texts: dict[str, str]
    since: float
    until: float

    def holds(self, message: Message) -> bool:
        """Whether a message is wanted."""
        shown = {
            "recipient": message.to,
            "fromemail": message.sender,
            "tag": message.tag,
            "subject": message.subject,
            "messagestream": message.stream,
            "status": "sent",
        }
        timely = self.since <= message.made_at <= self.until
        return timely and all(wanted.lower() in shown.get(name, "").lower() for name, wanted in self.texts.items())


class Outbound:
    """The endpoints under `/messages/outbound`."""

    def __init__(self, post: Post, settings: Settings, clock: Clock) -> None:
        self._post = post
        self._settings = settings
        self._clock = clock

    def search(self, call: Call) -> Work:
        """List messages, newest first, by any of their properties; those younger than the lag are not found."""
        return partial(self._searched, call, _search(call.request.asked()))

    def details(self, call: Call) -> Work:
        """Show one message; an unknown one is a 422, not a 404."""

        def work() -> Done:
            message = self._post.get(call.names["id"])
            if message and message.account == call.account and self._clock.wall() - message.made_at >= call.blind:
                return Done(in_json(200, message.detailed()))
            return Done(problem(422, UNKNOWN_MESSAGE, "This message was not found."))

        return work

    def _searched(self, call: Call, search: Search) -> Done:
        found = list(self._seen(call, search))
        page = found[search.offset : search.offset + search.count]
        return Done(in_json(200, {"TotalCount": len(found), "Messages": [message.listed() for message in page]}))

    def _seen(self, call: Call, search: Search) -> Iterator[Message]:
        lag = max(call.blind, self._settings.search_lag)
        now = self._clock.wall()
        for message in self._post.newest(call.account, search.word):
            if now - message.made_at >= lag and search.holds(message):
                yield message


def _search(asked: dict[str, str]) -> Search:
    count, offset = _number(asked, "count"), _number(asked, "offset")
    if not 1 <= count <= LARGEST_PAGE or count + offset > FURTHEST:
        _refuse(f"'count' may be 1 to {LARGEST_PAGE}, and with 'offset' up to {FURTHEST}.")
    words = [(name.removeprefix(METADATA), asked.pop(name)) for name in list(asked) if name.startswith(METADATA)]
    if len(words) > 1:
        _refuse("Only one metadata filter is allowed.")
    since, until = _time(asked.pop("fromdate", "1970-01-02")), _time(asked.pop("todate", "9000-01-01"))
    texts = {name: value for name, value in asked.items() if name not in {"count", "offset"}}
    return Search(count, offset, words[0] if words else None, texts, since, until)


def _number(asked: dict[str, str], name: str) -> int:
    if not asked.get(name, "").isdecimal():
        _refuse(f"'{name}' is required, and must be a number.")
    return int(asked[name])


def _time(text: str) -> float:
    try:
        return undated(text)
    except ValueError:
        _refuse(f"Not a date: {text}")


def _refuse(message: str) -> NoReturn:
    raise RefusedError(problem(422, INVALID, message))
