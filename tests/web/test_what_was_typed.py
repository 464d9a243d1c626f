"""What somebody typed into a form that is not taken is told back: it is on no other page."""

from given.letters import dead
from given.office import Desk, Office

WHY = "their <outage> is over"


def ended(desk: Desk) -> None:
    """Every session has been idle for too long."""
    with desk.platform.ledger.connection() as connection:
        connection.execute("UPDATE lockgate.admin_sessions SET seen_at = clock_timestamp() - interval '1 day'")


def test_a_session_that_ends_in_the_middle_of_a_form_keeps_what_was_typed(desk: Desk, office: Office) -> None:
    number, _ = dead(desk, "8901")
    browser = office.browser("operator")
    ended(desk)
    sent = {"because": WHY, "back": f"/deadletters/{number}"}
    answer = browser.post(f"/deadletters/{number}/requeue", sent)
    assert answer.status_code == 401
    assert "session has ended, and nothing was changed" in answer.text
    assert "their &lt;outage&gt; is over" in answer.text
    assert f'href="/sign-in?next=%2Fdeadletters%2F{number}"' in answer.text
    assert desk.count(f"dead_letters WHERE id = {number} AND status = 'open'") == 1


def test_a_form_of_elsewhere_has_nothing_of_it_shown(desk: Desk, office: Office) -> None:
    number, _ = dead(desk, "8902")
    browser = office.browser("operator")
    answer = browser.post(f"/deadletters/{number}/requeue", {"because": WHY}, Origin="https://evil.example")
    assert answer.status_code == 403
    assert "outage" not in answer.text


def test_a_password_is_never_told_back(office: Office) -> None:
    ann = office.account("viewer")
    assert "open sesame" not in office.browser().sign_in(ann, "open sesame", form="guessed").text


def test_a_correction_that_is_refused_is_still_in_its_form(desk: Desk, office: Office) -> None:
    number, _ = dead(desk, "8903")
    browser = office.browser("operator")
    path = f"/deadletters/{number}/edit"
    sent = {"changes.amount": "many", "changes.currency": "usd", "because": WHY, "back": path}
    answer = browser.post(path, sent)
    assert answer.status_code == 422
    for kept in ('value="many"', 'value="usd"', "their &lt;outage&gt; is over", "is not a value such as"):
        assert kept in answer.text, kept
    assert desk.count("edits") == 0


def test_the_reason_of_an_order_that_came_too_late_is_told_back(desk: Desk, office: Office) -> None:
    number, _ = dead(desk, "8904")
    browser = office.browser("operator")
    back = f"/deadletters/{number}"
    assert browser.post(f"{back}/discard", {"because": "nobody wants it", "back": back}).status_code == 303
    late = browser.post(f"{back}/requeue", {"because": WHY, "back": back})
    assert late.headers["Location"] == back
    said = browser.get(back).text
    assert f"dl_{number} was discarded by {browser.name}" in said
    assert "You had written: their &lt;outage&gt; is over" in said
