"""Where the accepted e-mails are: a fold over the journal, with an index by metadata."""

from collections import defaultdict
from collections.abc import Iterator

from sandbox.journal import Journal, Json
from sandbox.postmark.message import Message

Word = tuple[str, str, str]  # account, name, value


class Post:
    """Finds messages by id, by metadata, and newest first."""

    def __init__(self, journal: Journal) -> None:
        self._messages: dict[str, Message] = {}
        self._order: dict[str, list[Message]] = defaultdict(list)
        self._words: dict[Word, list[Message]] = defaultdict(list)
        journal.follow("object", self._take)

    def get(self, name: str) -> Message | None:
        """Return a message by its id."""
        return self._messages.get(name)

    def newest(self, account: str, word: tuple[str, str] | None) -> Iterator[Message]:
        """Give an account's messages, newest first; of one metadata value if it is given."""
        return reversed(self._words.get((account, *word), []) if word else self._order.get(account, []))

    def _take(self, event: Json) -> None:
        if event["provider"] != "postmark":
            return
        message = Message(**event["facts"])
        self._messages[message.id] = message
        self._order[message.account].append(message)
        for word in message.metadata.items():
            self._words[message.account, *word].append(message)
