"""Bugs in the real platform are caught as well; `make planted` plants them all, three are part of every run."""

from dataclasses import replace

import pytest
from given.documents import ROOT
from planted.__main__ import Verdict, insisted, planted, verdict
from planted.bugs import BUGS


@pytest.mark.parametrize("name", ["no_fence", "claim_without_looking", "late_proof_thrown_away"])
def test_a_bug_in_the_ledger_is_caught(name: str) -> None:
    run = insisted(name)
    assert run.verdict is Verdict.CAUGHT, run.said


@pytest.mark.parametrize("name", BUGS)
def test_every_bug_can_still_be_planted(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    planted: list[str] = []

    def patch(where: object, what: str, value: object) -> None:
        monkeypatch.setattr(where, what, value)
        planted.append(what)

    BUGS[name].put(patch)
    assert planted


@pytest.mark.parametrize("test", sorted({bug.caught_by for bug in BUGS.values()}))
def test_what_catches_it_is_there(test: str) -> None:
    path, _, name = test.partition("::")
    assert f"def {name}(" in (ROOT / path).read_text()


def test_a_bug_that_its_test_does_not_see_is_not_called_caught(monkeypatch: pytest.MonkeyPatch) -> None:
    elsewhere = "tests/ledger/test_claim_and_record.py::test_another_account_is_visible_in_the_claim"
    monkeypatch.setitem(BUGS, "no_fence", replace(BUGS["no_fence"], caught_by=elsewhere))
    run = planted("no_fence")
    assert run.verdict is Verdict.NOT_CAUGHT
    assert "1 passed" in run.said


@pytest.mark.parametrize(
    ("code", "said", "comes_to"),
    [
        (0, "1 passed", Verdict.NOT_CAUGHT),
        (1, "E   assert 1 == 2\nFAILED tests/x.py::test_y - assert 1 == 2", Verdict.CAUGHT),
        (1, "E   AssertionError: not yet\nFAILED tests/x.py::test_y - AssertionError", Verdict.CAUGHT),
        (1, "E   psycopg.OperationalError: refused\nFAILED tests/x.py::test_y", Verdict.TROUBLE),
        (1, "E   AssertionError: no port\nERROR tests/x.py::test_y - AssertionError", Verdict.TROUBLE),
        (2, "Interrupted", Verdict.TROUBLE),
        (4, "not found", Verdict.TROUBLE),
    ],
)
def test_only_a_failure_of_the_test_itself_counts(code: int, said: str, comes_to: Verdict) -> None:
    assert verdict(code, said) is comes_to
