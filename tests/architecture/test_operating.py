"""docs/operating.md names the variables, reasons and limits that there are."""

import ast
import re

from given.documents import ROOT, column, text

from config.settings import NAMES

PAGE = "docs/operating.md"


def test_every_variable_is_explained() -> None:
    told = column(PAGE, "The environment")
    assert [name for name in told if "<" not in name] == list(NAMES)
    assert [name for name in told if "<" in name] == [
        "LOCKGATE_<PROVIDER>_BASE_URL", "LOCKGATE_<PROVIDER>_<FIELD>", "LOCKGATE_<PROVIDER>_<FIELD>__<TENANT>",
    ]  # fmt: skip


def reasons() -> set[str]:
    """Every reason under which the code parks an operation: the literals of the calls that do it."""
    found: set[str] = set()
    for path in [*(ROOT / "tasks").glob("*.py"), *(ROOT / "resilience").glob("*.py")]:
        for node in ast.walk(ast.parse(path.read_text())):
            if not isinstance(node, ast.Call):
                continue
            name = getattr(node.func, "attr", getattr(node.func, "id", ""))
            at = {"Park": 0, "_ask_first": 1, "overdue": 1}.get(name)
            if at is not None and len(node.args) > at:
                found |= {part.value for part in ast.walk(node.args[at]) if isinstance(part, ast.Constant)}
    found |= set(re.findall(r"(?:THEN|ELSE) '(\w+)'", text("ledger/lapsed.py")))
    return {reason for reason in found if isinstance(reason, str)}


def test_every_reason_of_a_dead_letter_has_its_advice() -> None:
    assert set(column(PAGE, "When something became a person's turn")) == reasons()
