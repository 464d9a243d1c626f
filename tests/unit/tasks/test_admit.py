"""A hint waits for a permit that is nearly due; one of a process at a time, and of prefork's processes the first."""

from collections.abc import Callable, Sequence
from types import SimpleNamespace
from typing import Any

import pytest

from resilience.breaker import BreakerState
from resilience.permit import Permit, Question, Refused
from resilience.traffic import Lane
from tasks import attempt
from tasks.attempt import Attempt

SOON = Refused("rate:20 per 1s", 0.01, soon=True)
GIVEN_UP = Refused("rate:20 per 1s", 0.4)
PERMIT = Permit("token", Lane("stripe", "default", "pay"), 0.0, 0.25, 0, BreakerState.CLOSED, probe=False)
Answer = Permit | Refused


class Admission:
    """Gives the answers that it was made with, and notes how patient each question was."""

    def __init__(self, *answers: Answer, meanwhile: Callable[[], None] | None = None) -> None:
        self._answers = list(answers)
        self._meanwhile = meanwhile
        self.asked: list[float] = []

    def ask_all(self, questions: Sequence[Question]) -> list[Answer]:
        self.asked += [one.patience for one in questions]
        if self._meanwhile is not None and len(self.asked) == 1:
            self._meanwhile()
        return [self._answers.pop(0)]


def made(admission: Admission) -> Attempt:
    provider = SimpleNamespace(name="stripe", lease=60.0)
    bound: Any = SimpleNamespace(provider=provider, name="pay", section=SimpleNamespace(cost=1.0))
    here: Any = SimpleNamespace(admission=admission)
    return Attempt(here, bound, "ticket", "default")


def test_it_asks_again_until_the_permit_is_there() -> None:
    admission = Admission(SOON, SOON, PERMIT)
    assert made(admission).admit() is PERMIT
    assert len(admission.asked) == 3
    assert sorted(admission.asked, reverse=True) == admission.asked  # each time a little less patient
    assert not attempt._waiting.locked()


def test_what_is_given_up_is_not_asked_for_again() -> None:
    admission = Admission(GIVEN_UP)
    assert made(admission).admit() is GIVEN_UP
    assert made(Admission(PERMIT)).admit() is PERMIT


def test_while_one_waits_others_do_not() -> None:
    other = Admission(GIVEN_UP)
    said: list[Answer] = []
    admission = Admission(SOON, PERMIT, meanwhile=lambda: said.append(made(other).admit()))
    assert made(admission).admit() is PERMIT
    assert (said, other.asked) == ([GIVEN_UP], [0.0])


def test_whatever_is_raised_the_next_one_may_wait() -> None:
    def fail() -> None:
        raise RuntimeError("Redis said something strange")

    with pytest.raises(RuntimeError):
        made(Admission(SOON, meanwhile=fail)).admit()
    admission = Admission(PERMIT)
    assert made(admission).admit() is PERMIT
    assert admission.asked[0] > 0


def test_of_preforks_children_the_first_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    for index, patient in ((0, True), (1, False)):
        monkeypatch.setattr(attempt, "current_process", lambda index=index: SimpleNamespace(index=index))
        admission = Admission(PERMIT)
        made(admission).admit()
        assert (admission.asked[0] > 0) is patient
