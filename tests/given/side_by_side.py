"""Tests in several processes at once (`make test`, `pytest -n 4`): which stay together, and which are begun first.

Each process has servers of its own. Whoever runs one file, or all of them without `-n`, does not notice any of this.
"""

from functools import cache

import pytest
from given.documents import ROOT
from xdist.scheduler import LoadScopeScheduling

_SOAKS = "tests/soak/"  # each soak takes as much of the machine as it gets: one at a time
#: Folders, those with the longest tests first: a long one that is begun last keeps everybody waiting for it.
_LONGEST = ("soak", "ledger", "demo", "web", "drills", "planted", "flows", "admin")


class SideBySide(LoadScopeScheduling):
    """Every test goes to whoever is free; those of a module that share a fixture go to one process, and so do soaks."""

    def _split_scope(self, nodeid: str) -> str:
        path = nodeid.partition("::")[0]
        if path.startswith(_SOAKS):
            return _SOAKS
        return path if _shares(path) else nodeid


@cache
def _shares(path: str) -> bool:
    """Whether tests of this file share something that is made once for the module."""
    file = ROOT / path
    places = [file, file.with_name("conftest.py")]
    return any('scope="module"' in place.read_text() for place in places if place.exists())


def longest_first(items: list[pytest.Item]) -> None:
    """Sort them so that the long ones are begun first."""
    items.sort(key=lambda item: _rank(item.path.relative_to(ROOT / "tests").parts[0]))


def _rank(folder: str) -> int:
    return _LONGEST.index(folder) if folder in _LONGEST else len(_LONGEST)
