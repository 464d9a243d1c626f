"""docs/dead-letters.md names the commands, standings and times that there are."""

import re
import shlex

from given.documents import blocks, column, text

from admin.cli.deadletter import deadletter
from deadletter.plan import CANARY, MOST
from deadletter.retention import KEPT
from ledger.groups import _STANDINGS

PAGE = "docs/dead-letters.md"


def test_every_command_is_told_and_every_command_that_is_told_is_there() -> None:
    told = set(re.findall(r"`(?:lockgate deadletter )?(\w+)[^`]*`", text(PAGE)))
    for line in blocks(PAGE, "sh")[0].splitlines():
        words = shlex.split(line, comments=True)
        assert words[:2] == ["lockgate", "deadletter"]
        context = deadletter.commands[words[2]].make_context(words[2], words[3:], resilient_parsing=True)
        assert context.params, line
        told.add(words[2])
    assert set(deadletter.commands) <= told | {"list"}


def test_every_standing_of_a_group_is_told() -> None:
    assert set(column(PAGE, "Groups")) == set(_STANDINGS) - {"unsettled", "all"}


def test_the_numbers_are_those_of_the_code() -> None:
    page = text(PAGE)
    assert f"(`--canary {CANARY}`)" in page
    assert f"{MOST:,} letters" in page
    days = {status: f"{seconds / 86_400:.0f} days" for status, seconds in KEPT.items()}
    assert days == {
        **dict.fromkeys(("requeued", "superseded", "closed"), "90 days"),
        **dict.fromkeys(("resolved", "discarded"), "400 days"),
    }
    assert "deleted after 90 days" in page
    assert "after 400 days" in page
