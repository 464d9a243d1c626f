"""Whatever sentence of a decision names a command, a page names a button or a page instead."""

import re
from pathlib import Path

import pytest

from admin.web.buttons import named

ROOT = Path(__file__).parents[3]
#: Sentences of these are shown on pages.
SHOWN = [*(ROOT / "deadletter").glob("*.py"), ROOT / "tasks/look.py", ROOT / "tasks/edit.py", ROOT / "admin/steer.py"]
COMMAND = re.compile(r"`[^`]*(?:lockgate |\.again\()[^`]*`")


def commands() -> list[str]:
    """Every command in backticks in a sentence of theirs, docstrings apart; a sentence may go over two lines."""
    found = []
    for path in [*SHOWN, *(ROOT / "admin/access").glob("*.py")]:
        code = re.sub(r'"""[\s\S]*?"""', "", path.read_text())
        whole = re.sub(r'"\s+f?"', "", code).replace(
            "{resolve_command(dead)}", "lockgate deadletter resolve x --as succeeded"
        )
        found += COMMAND.findall(
            re.sub(r"\{edit_command\([\w.]+\)\}", 'lockgate deadletter edit x --because "…"', whole)
        )
    return sorted(set(found))


@pytest.mark.parametrize("command", commands())
def test_every_command_in_a_sentence_has_a_name_on_pages(command: str) -> None:
    assert "lockgate" not in named(command), command
    assert ".again" not in named(command), command
    assert "`" not in named(command), command


def test_there_are_some() -> None:
    assert len(commands()) > 8


def test_a_sentence_stays_a_sentence() -> None:
    edit = '`lockgate deadletter edit dl_4 --because "…"`'
    said = f"if it is not there, `lockgate deadletter resolve dl_4 --as none`, then {edit}"
    assert named(said) == "if it is not there, “Nothing happened, for sure”, then “Send with a new key”"
    assert named("there is no `nonsense` of ours") == "there is no `nonsense` of ours"
