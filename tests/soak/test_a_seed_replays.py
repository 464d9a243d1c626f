"""Wishes and attacks are drawn from the seed alone, and durations that do not fit each other are refused."""

import dataclasses
from itertools import islice
from pathlib import Path

import pytest
from given.history import TERMS

from soak import ratios
from soak.__main__ import main
from soak.attacks.deck import ATTACKS
from soak.attacks.field import FREEZE
from soak.nemesis import plan
from soak.wishes import MIX, wanted

TENANTS = ("acme", "globex")
FITTING = dataclasses.replace(
    TERMS, leases={"stripe": 4.0}, totals={"stripe": 2.0}, settles={"stripe": 2.0}, kept={"stripe": 600.0},
    patience={"stripe": 240.0}, windows={"stripe": 5.0},
)  # fmt: skip


def test_the_same_seed_wants_the_same_and_another_does_not() -> None:
    first, again, other = (list(islice(wanted(seed, TENANTS), 300)) for seed in (7, 7, 8))
    assert first == again
    assert [wish.fields for wish in first] != [wish.fields for wish in other]
    assert {wish.kind for wish in first} == set(MIX)
    assert len({wish.name for wish in first}) == 300


def test_every_attack_is_planned_before_any_comes_a_second_time() -> None:
    planned = plan(7, 1000.0, pause=(3.0, 7.0))
    assert planned == plan(7, 1000.0, pause=(3.0, 7.0))
    names = [one.attack.name for one in planned]
    assert set(names[: len(ATTACKS)]) == {attack.name for attack in ATTACKS}
    assert names != [one.attack.name for one in plan(8, 1000.0, pause=(3.0, 7.0))]


def test_only_the_attacks_that_are_wanted_are_planned() -> None:
    assert {one.attack.id for one in plan(7, 200.0, pause=(1.0, 2.0), only=("N8", "freeze"))} == {"N8", "N5"}
    assert plan(7, 200.0, pause=(1.0, 2.0), only=("none",)) == []


def test_durations_that_would_prove_nothing_are_named() -> None:
    assert ratios.check(FITTING) == []
    wrong = dataclasses.replace(FITTING, leases={"stripe": FREEZE + 1}, settles={"stripe": 0.1}, kept={"stripe": 5.0})
    assert len(ratios.check(wrong)) == 4


def test_a_subject_that_is_not_there_is_named_without_a_traceback(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--subject", "nowhere.to_be_found", "--folder", str(tmp_path / "run")]) == 2
    assert "the subject nowhere.to_be_found cannot be imported" in capsys.readouterr().out


def test_a_folder_that_holds_something_else_is_not_emptied(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "letter").write_text("dear ada")
    assert main(["--folder", str(tmp_path)]) == 2
    assert "name another --folder" in capsys.readouterr().out
    assert (tmp_path / "letter").read_text() == "dear ada"


@pytest.mark.parametrize(
    ("said", "mend"),
    [
        (["--only", "N99"], "--only N99 is no attack"),
        (["--tenants", "9"], "--tenants lies between 1 and 8"),
        (["--count", "0"], "--count is a number of operations"),
        (["--pause", "3", "1"], "--pause takes the shorter first"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], said: list[str], mend: str
) -> None:
    assert main([*said, "--folder", str(tmp_path / "run")]) == 2
    assert mend in capsys.readouterr().out
