"""The page on planted bugs lists exactly those that there are, each with what catches it."""

import re

from given.documents import text
from planted.bugs import BUGS
from simulation.planted import Plant
from simulation.planted_around import PLANTS

_ROW = re.compile(r"^\| (.+?) \| `(\w+)` \| (.+?) \|$", re.MULTILINE)


def test_the_page_lists_every_planted_bug_with_what_catches_it() -> None:
    simulated, _, real = text("docs/planted-bugs.md").partition("## In the real platform")
    assert _ROW.findall(simulated) == [(plant.bug, name, plant.caught_as) for name, plant in _in_order(simulated)]
    assert _ROW.findall(real) == [(bug.bug, name, f"`{bug.caught_by}`") for name, bug in BUGS.items()]


def _in_order(page: str) -> list[tuple[str, Plant]]:
    """All of them, in the order of the page; what it leaves out comes last."""
    names = [name for _, name, _ in _ROW.findall(page)]
    return sorted(PLANTS.items(), key=lambda one: names.index(one[0]) if one[0] in names else len(names))
