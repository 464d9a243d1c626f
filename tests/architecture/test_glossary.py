"""docs/glossary.md knows the words that the code uses."""

from typing import get_args

from given.documents import column

from operations.means import Means
from operations.outcome import Finding, Outcome

PAGE = "docs/glossary.md"


def test_each_outcome_and_finding_is_explained() -> None:
    words = [kind.__name__ for kind in (*get_args(Outcome), *get_args(Finding))]
    assert column(PAGE, "Outcomes and findings") == words


def test_each_means_is_explained() -> None:
    assert column(PAGE, "Means") == list(Means)


def test_no_word_is_explained_twice() -> None:
    words = column(PAGE, "Words")
    assert len(words) == len(set(words))
