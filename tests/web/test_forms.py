"""A2: whatever changes something comes from a page of ours, in the session that it was made for."""

from typing import Any

import pytest
from given.office import Browser, Desk, Elements, Office
from given.payments import pay

PAUSE = "/providers/stripe/pause"
ORDER = {"because": "a test"}
FOREIGN = "https://evil.example"


def changed(desk: Desk) -> list[Any]:
    """Everything that an order could have changed."""
    tables = (
        "pauses",
        "holds",
        "audit",
        "operations",
        "dead_letters",
        "admin_accounts",
        "admin_tokens",
        "admin_sessions",
    )
    return [desk.count(table) for table in tables]


def contents(desk: Desk) -> dict[str, str]:
    """A checksum of every table; of a session without when it was last seen, which is what looking does."""
    with desk.platform.ledger.connection() as connection:
        named = connection.execute("SELECT tablename FROM pg_tables WHERE schemaname = 'lockgate'").fetchall()
        found = {}
        for (table,) in named:
            row = "(t.id, t.account_id, t.created_at)" if table == "admin_sessions" else "t"
            summed = (
                f"SELECT coalesce(md5(string_agg({row}::text, ',' ORDER BY {row}::text)), '') FROM lockgate.{table} t"
            )
            (found[table],) = connection.execute(summed).fetchone() or ("",)  # type: ignore[call-overload]
    return found


@pytest.fixture
def ann(office: Office) -> Browser:
    return office.browser("admin")


def test_a_form_of_a_page_of_ours_is_taken(desk: Desk, ann: Browser) -> None:
    assert ann.post(PAUSE, ORDER | {"tenant": "acme"}).status_code == 303
    assert desk.count("pauses WHERE tenant = 'acme'") == 1


@pytest.mark.parametrize(
    ("fields", "headers"),
    [
        ({"form": ""}, {}),
        ({"form": "0" * 64}, {}),
        ({}, {"Origin": FOREIGN}),
        ({}, {"Origin": "null"}),
        ({}, {"Sec-Fetch-Site": "cross-site"}),
        ({}, {"Sec-Fetch-Site": "same-site"}),
        ({}, {"Sec-Fetch-Site": "none"}),
    ],
)
def test_a_form_from_elsewhere_is_refused(
    desk: Desk, ann: Browser, fields: dict[str, str], headers: dict[str, str]
) -> None:
    before = changed(desk)
    assert ann.post(PAUSE, ORDER | fields, **headers).status_code == 403
    assert changed(desk) == before


def test_a_form_that_does_not_say_whence_it_comes_is_refused(desk: Desk, ann: Browser) -> None:
    sent = ORDER | {"form": ann.token("/")}
    assert ann.http.post(ann.url + PAUSE, data=sent, timeout=30).status_code == 403
    assert desk.count("pauses WHERE tenant IS NULL") == 0


def test_the_token_of_another_session_is_refused(desk: Desk, office: Office, ann: Browser) -> None:
    other = office.browser("admin")
    assert ann.post(PAUSE, ORDER | {"form": other.token("/")}).status_code == 403
    assert desk.count("pauses WHERE tenant IS NULL") == 0


def test_every_order_asks_for_the_token(desk: Desk, office: Office, ann: Browser) -> None:
    before = changed(desk)
    for rule in office.app.url_map.iter_rules():
        if "POST" in (rule.methods or ()) and not rule.rule.startswith("/api/"):
            path = rule.rule.replace("<name>", "stripe")
            for part in ("letter_id", "run_id", "edit_id"):
                path = path.replace(f"<int:{part}>", "1")
            answer = ann.post(path.replace("<fingerprint>", "x"), ORDER | {"form": "not it"})
            assert answer.status_code == 403, rule.rule
    assert changed(desk) == before


def test_a_program_that_sends_no_json_is_refused(desk: Desk, office: Office) -> None:
    asks = office.program("operator")
    plain = {"data": '{"because": "a test"}', "headers": {"Content-Type": "text/plain"}}
    assert asks.ask("POST", PAUSE, **plain).status_code == 415
    assert asks.ask("POST", PAUSE, data=ORDER).status_code == 415
    assert asks.ask("POST", PAUSE, json=["because"]).status_code == 400
    assert asks.ask("POST", PAUSE, json={**ORDER, "more": 1}).status_code == 422
    assert desk.count("pauses WHERE tenant IS NULL") == 0
    assert asks.ask("POST", PAUSE, json=ORDER | {"tenant": "globex"}).status_code == 200


def test_the_sign_in_itself_cannot_be_forged(office: Office) -> None:
    ann = office.account("viewer")
    browser = Browser(office.url)
    assert browser.sign_in(ann, form="guessed").status_code == 403
    assert browser.sign_in(ann).status_code == 303


def test_whoever_only_looks_changes_nothing(desk: Desk, ann: Browser) -> None:
    """A crawl of everything that pages lead to, as a search engine behind somebody's sign-in would make it."""
    pay("7101")
    before, seen, left = contents(desk), set[str](), ["/"]
    assert len(before) > 20
    while left:
        path = left.pop()
        seen.add(path)
        answer = ann.get(path, allow_redirects=True)
        assert answer.status_code < 500, path
        left += [link for link in Elements(answer.text).links() if link.startswith("/") and link not in {*seen, *left}]
    assert len(seen) > 8
    assert contents(desk) == before
    with desk.platform.ledger.connection() as connection:
        connection.execute("UPDATE lockgate.admin_accounts SET tenants = '{other}' WHERE name = %s", [ann.name])
    assert contents(desk) != before, "or a change would not be noticed"


def test_a_link_from_elsewhere_comes_once_more_from_ourselves(ann: Browser) -> None:
    anonymous = Browser(ann.url)
    first = anonymous.get("/operations", headers={"Sec-Fetch-Site": "cross-site"})
    assert (first.status_code, first.headers["Refresh"]) == (200, "0")
    assert "operations" not in first.text
    second = anonymous.get("/operations", headers={"Sec-Fetch-Site": "same-origin"})
    assert second.headers["Location"] == "/sign-in?next=/operations"


@pytest.mark.parametrize("there", ["https://evil.example/", "//evil.example", "/\\evil.example", "javascript:alert(1)"])
def test_the_sign_in_leads_to_pages_of_ours_only(office: Office, there: str) -> None:
    ann = office.account("viewer")
    assert Browser(office.url).sign_in(ann, next=there).headers["Location"] == "/"


def test_a_name_that_somebody_points_here_is_not_answered(ann: Browser) -> None:
    assert ann.get("/", headers={"Host": "evil.example"}).status_code == 421
