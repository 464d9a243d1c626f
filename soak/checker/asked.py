"""The client's own log: what it asked for, and what it was told. A line each, only ever added."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Literal

FILE = "asked.jsonl"
Answer = Literal["asking", "accepted", "unsure", "refused"]


@dataclass(frozen=True, slots=True)
class Asked:
    """One line.

    Attributes:
        name: the client's own name of the wish, which it also gives to the provider where there is a place for it.
        key: the business key, by which it can ask again.
        answer: asking, written before the call; accepted; unsure, the call raised and nobody knows; refused, it raised
            and nothing was taken.
        ticket: what it was given to ask by, where it was accepted.
        door: how it asked.
        why: the error.
    """

    at: float
    name: str
    tenant: str
    kind: str
    key: str
    answer: Answer
    ticket: str = ""
    door: str = "delay"
    why: str = ""

    @property
    def identity(self) -> tuple[str, str, str]:
        """What must become one operation."""
        return self.tenant, self.kind, self.key

    def line(self) -> str:
        """As it stands in the file."""
        return json.dumps(asdict(self)) + "\n"


def read(folder: Path) -> list[Asked]:
    """All lines; the last may have been cut off with its writer."""
    lines = (folder / FILE).read_text().split("\n")[:-1]
    return [Asked(**json.loads(line)) for line in lines]
