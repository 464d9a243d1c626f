"""Where the objects and the news about them are: a fold over the journal, with an index by every word."""

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.journal import Journal, Json
from sandbox.names import Names
from sandbox.provider import Call
from sandbox.stripe.objects import Intent, Kept, facts, made

Place = tuple[str, str]  # account, kind


@dataclass(frozen=True, slots=True)
class News:
    """One of Stripe's events: what an object was like when something happened to it."""

    id: str
    account: str
    made_at: float
    type: str
    kept: Kept
    request_id: str | None
    key: str | None


class Shelf:
    """Finds objects by id, by word, and newest first."""

    def __init__(self, journal: Journal, names: Names) -> None:
        self._names = names
        self._kept: dict[str, Kept] = {}
        self._order: dict[Place, list[str]] = defaultdict(list)
        self._words: dict[tuple[Place, str, str], dict[str, None]] = defaultdict(dict)
        self._news: dict[str, list[News]] = defaultdict(list)
        journal.follow("object", self._take)

    def get(self, name: str) -> Kept | None:
        """Return any object by its id."""
        return self._kept.get(name)

    def intent(self, name: str, account: str) -> Intent | None:
        """Return an account's payment intent."""
        kept = self._kept.get(name)
        return kept if isinstance(kept, Intent) and kept.account == account else None

    def newest(self, place: Place, words: dict[str, str] | None = None) -> Iterator[Kept]:
        """Give the objects that hold all the words, newest first."""
        named = [self._words.get((place, name, value), {}) for name, value in (words or {}).items()]
        for name in reversed(min(named, key=len) if named else self._order.get(place, [])):
            kept = self._kept[name]
            # The index remembers words that an object has lost since; the object itself decides.
            if not words or words.items() <= dict(kept.words()).items():
                yield kept

    def news(self, account: str) -> Iterator[News]:
        """Give an account's news, newest first."""
        return reversed(self._news.get(account, []))

    def put(self, kept: Kept, types: tuple[str, ...], call: Call | None) -> Json:
        """Return the event that puts an object, new or changed, on the shelf, with what is told of it."""
        news = [[self._names.make("evt"), name] for name in types]
        about = {"provider": "stripe", "kind": kept.kind, "facts": facts(kept), "news": news}
        request = {"request_id": call and call.request_id, "key": call and _key(call)}
        return {"event": "object", **about, **request}

    def _take(self, event: Json) -> None:
        if event["provider"] != "stripe":
            return
        kept = made(event["kind"], event["facts"])
        place = (kept.account, kept.kind)
        if kept.id not in self._kept:
            self._order[place].append(kept.id)
        self._kept[kept.id] = kept
        for word in kept.words():
            self._words[place, *word][kept.id] = None
        for name, kind in event["news"]:
            news = News(name, kept.account, event["at"], kind, kept, event["request_id"], event["key"])
            self._news[kept.account].append(news)


def _key(call: Call) -> str | None:
    return call.request.header("idempotency-key") or None
