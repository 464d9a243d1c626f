"""The idempotency layer: the first answer to a key is the answer, for as long as the key is remembered."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from sandbox.journal import Journal, Json
from sandbox.provider import Call, Done
from sandbox.settings import Settings
from sandbox.wire.answer import JSON_TYPE, Answer

Slot = tuple[str, str]  # account, key
REPLAYED = (("Content-Type", JSON_TYPE), ("Idempotent-Replayed", "true"))


@dataclass(frozen=True, slots=True)
class Saved:
    """Where the answer to a key is in the journal, and for which request it was given."""

    seq: int
    at: float
    fingerprint: str


class Keys:
    """The saved answers; their bodies stay in the journal until someone asks again."""

    def __init__(self, journal: Journal, settings: Settings, *, provider: str) -> None:
        self._journal = journal
        self._provider = provider
        self._settings = settings
        self._saved: dict[Slot, Saved] = {}
        self._executing: set[Slot] = set()
        journal.follow("saved", self._take)
        journal.follow("pruned", self._prune)
        journal.follow("control", self._obey)

    def executing(self, slot: Slot) -> bool:
        """Whether a request with this key is under way."""
        return slot in self._executing

    @contextmanager
    def execute(self, slot: Slot) -> Iterator[None]:
        """Hold the key while its request is carried out."""
        self._executing.add(slot)
        try:
            yield
        finally:
            self._executing.discard(slot)

    def find(self, slot: Slot) -> Saved | None:
        """Return what is remembered of a key; past its retention nothing is."""
        saved = self._saved.get(slot)
        if saved and self._journal.clock.wall() - saved.at < self._settings.key_retention:
            return saved
        return None

    def replay(self, saved: Saved) -> Answer:
        """Return the first answer again, and say that it is a replay."""
        event = self._journal.read(saved.seq)
        return Answer(event["status"], event["body"].encode(), REPLAYED, replayed=True)

    def saved(self, slot: Slot, call: Call, done: Done) -> Json:
        """Return the event that keeps an answer under its key."""
        account, key = slot
        about = {"account": account, "key": key, "fingerprint": fingerprint(call)}
        said = {"status": done.answer.status, "body": done.answer.body.decode()}
        return {"event": "saved", "provider": self._provider, **about, **said}

    def _take(self, event: Json) -> None:
        if event["provider"] == self._provider:
            self._saved[event["account"], event["key"]] = Saved(event["seq"], event["at"], event["fingerprint"])

    def _prune(self, event: Json) -> None:
        if event["provider"] != self._provider:
            return
        for slot in [slot for slot in self._saved if event["key"] in {None, slot[1]}]:
            del self._saved[slot]

    def _obey(self, event: Json) -> None:
        if (event["method"], event["path"]) == ("DELETE", "/keys"):
            self._saved.clear()


def fingerprint(call: Call) -> str:
    """Return what must be the same when a key is used again: the endpoint and the body, byte for byte."""
    return f"{call.request.method} {call.request.path} {call.request.digest()}"
