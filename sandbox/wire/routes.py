"""A table of paths, and what each leads to."""

import re
from collections.abc import Iterable
from typing import Generic, TypeVar

E = TypeVar("E")


class Routes(Generic[E]):
    """Finds the endpoint of a method and a path such as `/v1/refunds/{id}`; the first row that fits wins."""

    def __init__(self, rows: Iterable[tuple[str, str, E]]) -> None:
        self._rows = [(method, _pattern(path), endpoint) for method, path, endpoint in rows]

    def find(self, method: str, path: str) -> tuple[E, dict[str, str]] | None:
        """Return the endpoint and the names that the path holds, or nothing."""
        for wanted, pattern, endpoint in self._rows:
            if wanted == method and (match := pattern.fullmatch(path)):
                return endpoint, match.groupdict()
        return None


def _pattern(path: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path))
