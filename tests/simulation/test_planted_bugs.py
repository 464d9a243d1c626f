"""The page on planted bugs lists exactly those that there are, each with what catches it."""

import re

from given.documents import text
from simulation.planted import PLANTS

_ROW = re.compile(r"^\| (.+?) \| `(\w+)` \| (.+?) \|$", re.MULTILINE)


def test_the_page_lists_every_planted_bug_with_what_catches_it() -> None:
    listed = {name: (bug, caught_as) for bug, name, caught_as in _ROW.findall(text("docs/planted-bugs.md"))}
    assert listed == {name: (plant.bug, plant.caught_as) for name, plant in PLANTS.items()}
