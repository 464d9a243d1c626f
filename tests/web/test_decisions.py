"""A8: two operators at once, and what each decision leaves behind."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from given.letters import dead
from given.office import Desk, Office

from ledger import audit


def test_of_two_who_press_at_once_one_wins_and_the_other_is_told(desk: Desk, office: Office) -> None:
    number, operation = dead(desk, "8501")
    both = [office.program("operator"), office.program("operator")]
    with ThreadPoolExecutor(2) as pool:
        answers = list(
            pool.map(
                lambda one: one.ask("POST", f"/deadletters/{number}/requeue", json={"because": "it is over"}), both
            )
        )
    assert min(answer.status_code for answer in answers) == 200
    (loser,) = [answer for answer in answers if answer.status_code != 200]
    assert loser.status_code in {409, 503}  # decided already, or being decided at this moment
    assert "dl_" in loser.json()["error"] or "right now" in loser.json()["error"]
    assert desk.count(f"operations WHERE id = '{operation}' AND epoch = 2") == 1
    with desk.platform.ledger.connection() as connection:
        (noted,) = audit.entries(connection, operation)
    assert (noted.action, noted.because) == ("requeue", "it is over")
    assert noted.actor.startswith("token:bot-")
    assert (noted.before["state"], noted.after["state"]) == ("dead", "waiting")


@pytest.mark.parametrize(
    ("verb", "more", "action"),
    [
        ("requeue", {}, "requeue"), ("discard", {}, "discard"), ("resolve", {"end": "none"}, "resolve"),
        ("resolve", {"end": "declined", "code": "no"}, "resolve"),
        ("resolve", {"end": "succeeded", "reference": "pi_1"}, "resolve"),
    ],
)  # fmt: skip
def test_every_decision_says_who_and_why(
    desk: Desk, office: Office, verb: str, more: dict[str, str], action: str
) -> None:  # fmt: skip
    number, operation = dead(desk, f"86-{verb}-{more.get('end', '')}")
    ann = office.browser("operator")
    without = ann.post(f"/deadletters/{number}/{verb}", {**more, "back": f"/deadletters/{number}"})
    assert without.headers["Location"] == f"/deadletters/{number}"
    assert desk.count(f"audit WHERE target = '{operation}'") == 0
    done = ann.post(f"/deadletters/{number}/{verb}", {**more, "because": "we looked"})
    assert done.headers["Location"] == f"/deadletters/{number}"
    assert "we looked" in ann.get(f"/deadletters/{number}").text
    assert desk.count(f"audit WHERE target = '{operation}' AND actor = '{ann.name}' AND action = '{action}'") == 1


def test_another_tenants_letter_is_not_there_and_cannot_be_decided(desk: Desk, office: Office) -> None:
    number, operation = dead(desk, "8701")
    ann = office.browser("operator", "acme")
    assert ann.get(f"/deadletters/{number}").status_code == 404
    for verb in ("ask", "requeue", "discard"):
        assert ann.post(f"/deadletters/{number}/{verb}", {"because": "x"} if verb != "ask" else {}).status_code == 404
    assert ann.post("/runs", {"letter": str(number), "because": "x"}).status_code == 404
    assert f"/deadletters/{number}" not in ann.get("/deadletters").text
    assert desk.count(f"operations WHERE id = '{operation}' AND state = 'dead'") == 1


def test_arguments_are_shown_to_who_may_correct_them_only(desk: Desk, office: Office) -> None:
    number, _ = dead(desk, "8801")
    viewer, operator = office.browser("viewer"), office.browser("operator")
    assert viewer.get(f"/deadletters/{number}/edit").status_code == 403
    assert 'name="changes.amount"' in operator.get(f"/deadletters/{number}/edit").text
    sent = {"changes.amount": "4100", "because": "the discount was forgotten"}
    assert operator.post(f"/deadletters/{number}/edit", sent).status_code == 303
    assert "4100" in operator.get(f"/deadletters/{number}").text
    assert "4100" not in viewer.get(f"/deadletters/{number}").text
    assert "4100" not in office.program("viewer").ask("GET", f"/deadletters/{number}").text
    own = operator.post(f"/edits/{desk.count('edits')}/approve", {"because": "mine", "back": "/edits"})
    assert own.headers["Location"] == "/edits"
    assert desk.count("edits WHERE state = 'waiting'") == 1
