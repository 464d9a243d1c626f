"""docs/life-of-an-operation.md draws what operations/states.py allows, and nothing else."""

import re

from given.documents import blocks, column, rows

from operations.states import DUE, ENDS, MOVES, Reason, State

LIFE = "docs/life-of-an-operation.md"


def drawn() -> dict[tuple[str, str], str]:
    (drawing,) = blocks(LIFE, "mermaid")
    return {(before, after): why for before, after, why in re.findall(r"(\w+) --> (\w+) : (.+)", drawing)}


def test_every_move_that_is_drawn_is_allowed_and_every_move_that_is_allowed_is_drawn() -> None:
    assert drawn() == {(str(before), str(after)): why for (before, after), why in MOVES.items()}


def test_the_drawing_begins_where_operations_begin() -> None:
    (drawing,) = blocks(LIFE, "mermaid")
    assert re.findall(r"\[\*\] --> (\w+)", drawing) == [State.WAITING]


def test_every_state_and_every_reason_to_wait_is_explained() -> None:
    assert column(LIFE, "The states") == list(State)
    assert column(LIFE, "Why it waits") == list(Reason)


def test_what_celery_says_ends_where_the_operation_ends() -> None:
    says = {row[0]: row[2] for row in rows(LIFE, "The states")}
    assert {state for state, word in says.items() if word.startswith(("SUCCESS", "FAILURE"))} == set(ENDS)
    assert {state for state, word in says.items() if "RETRY" in word} == set(DUE)
