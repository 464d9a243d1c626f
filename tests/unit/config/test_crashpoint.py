"""Places to die are off unless the environment names them, and never armed beside a real provider."""

import ast
from collections.abc import Iterator
from random import Random

import pytest
from given.documents import ROOT, rows

from config import crashpoint
from config.errors import ConfigError

SANDBOX = ["http://127.0.0.1:8001"]


@pytest.fixture(autouse=True)
def _off_again() -> Iterator[None]:
    yield
    crashpoint.arm({}, [])


def test_without_a_word_in_the_environment_every_place_is_nothing() -> None:
    crashpoint.arm({}, ["https://api.stripe.com"])
    assert crashpoint.reached is crashpoint._off


def test_beside_a_real_provider_nothing_is_armed() -> None:
    with pytest.raises(ConfigError, match=r"https://api\.stripe\.com is not on this machine: unset it"):
        crashpoint.arm({crashpoint.AT: "claim.after_commit"}, [*SANDBOX, "https://api.stripe.com"])
    assert crashpoint.reached is crashpoint._off


@pytest.mark.parametrize(
    "wrong",
    [
        "claim.after_comit:2",
        "claim.after_commit:0",
        "claim.after_commit:4-2",
        "",
        ":3",
        "x y",
        "call.after_answer|",
        "a|b",
    ],
)
def test_what_names_no_place_is_refused(wrong: str) -> None:
    with pytest.raises(ConfigError, match="LOCKGATE_CRASH_AT"):
        crashpoint.arm({crashpoint.AT: f"call.after_answer:2,{wrong}"}, SANDBOX)


def test_numbers_and_places_are_drawn() -> None:
    drawn = {crashpoint._order("*:2-4", Random(seed)) for seed in range(400)}
    assert {number for _, number in drawn} == {2, 3, 4}
    assert {point for point, _ in drawn} == set(crashpoint.POINTS)
    few = {crashpoint._order("call.after_answer|claim.after_commit", Random(seed)) for seed in range(40)}
    assert few == {("call.after_answer", 1), ("claim.after_commit", 1)}


def test_every_place_is_in_the_code_once_and_every_place_of_the_code_is_told() -> None:
    found: list[object] = []
    for folder in ("tasks", "ledger", "integrations", "deadletter", "reconciliation", "resilience"):
        for path in (ROOT / folder).rglob("*.py"):
            for node in ast.walk(ast.parse(path.read_text())):
                if isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "reached":
                    found += [
                        part.value for part in ast.walk(node.args[0]) if isinstance(part, ast.Constant) and part.value
                    ]
    assert sorted(map(str, found)) == sorted(crashpoint.POINTS)


def test_the_page_on_proof_tells_of_each_place() -> None:
    told = {name.strip("`"): what for name, what in rows("docs/proof.md", "Where a process is told to die")}
    assert told == crashpoint.POINTS
