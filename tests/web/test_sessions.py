"""A3 and A7: how a session begins and ends, and how often somebody may try to begin one."""

import base64
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import pytest
from argon2 import Parameters, PasswordHasher, extract_parameters
from given.office import PASSWORD, Browser, Desk, Office

from admin.access import accounts, passwords, sessions
from admin.access.person import Role
from admin.access.tries import PER_ADDRESS, PER_NAME, may_try
from admin.web import gate
from admin.web.app import make
from admin.web.place import Place
from config.errors import ConfigError
from ledger.audit import Order

BY = Order("test", "a test")


def at(desk: Desk, statement: str) -> None:
    with desk.platform.ledger.connection() as connection:
        connection.execute(statement)  # type: ignore[call-overload]


def signed_in(browser: Browser) -> bool:
    return browser.get("/").status_code == 200


def test_a_cookie_is_hidden_strict_random_and_stored_as_a_hash(desk: Desk, office: Office) -> None:
    ann = office.account("viewer")
    browser = Browser(office.url)
    set_cookie = browser.sign_in(ann).headers["Set-Cookie"]
    assert "HttpOnly" in set_cookie
    assert "SameSite=Strict" in set_cookie
    assert "Path=/" in set_cookie
    token = browser.cookie
    assert token is not None
    assert len(base64.urlsafe_b64decode(token + "=")) == 32
    assert desk.count(f"admin_sessions WHERE id = convert_to('{token}', 'UTF8')") == 0
    assert desk.count(f"admin_sessions WHERE id = sha256(convert_to('{token}', 'UTF8'))") == 1


def test_over_tls_a_cookie_is_bound_to_this_host(office: Office) -> None:
    ann = office.account("viewer")
    place = Place(office.place.platform, "https://ops.example.com")
    client = make(place).test_client()
    base = {"base_url": "https://ops.example.com"}
    page = client.get("/sign-in", **base).text
    form = page.partition('name="form" value="')[2].partition('"')[0]
    sent = {"name": ann, "password": PASSWORD, "form": form}
    answer = client.post("/sign-in", data=sent, headers={"Origin": "https://ops.example.com"}, **base)
    assert answer.status_code == 303
    for cookie in answer.headers.getlist("Set-Cookie"):
        assert cookie.startswith("__Host-")
        assert "Secure" in cookie
        assert "Domain" not in cookie
    assert answer.headers["Strict-Transport-Security"].startswith("max-age=31536000")
    assert gate.cookie_name(place) == "__Host-lockgate"


def test_a_form_of_one_process_is_taken_by_another(office: Office) -> None:
    """Behind a proxy that leads to either, and over a new start."""
    ann = office.account("viewer")
    here, there = (make(Place(office.place.platform, office.url)) for _ in range(2))
    base = {"base_url": office.url}
    asked = here.test_client().get("/sign-in", **base)
    form = asked.text.partition('name="form" value="')[2].partition('"')[0]
    name, _, value = asked.headers["Set-Cookie"].partition(";")[0].partition("=")
    client = there.test_client()
    client.set_cookie(name, value, domain=office.place.host.partition(":")[0])
    sent = {"name": ann, "password": PASSWORD, "form": form}
    assert client.post("/sign-in", data=sent, headers={"Origin": office.url}, **base).status_code == 303


def test_signing_in_makes_a_new_session_and_ends_the_one_before(desk: Desk, office: Office) -> None:
    browser = office.browser("viewer")
    first = browser.cookie
    planted = Browser(office.url)
    planted.http.cookies.set("lockgate", "chosen-by-somebody-else")
    planted.sign_in(browser.name)
    assert planted.http.cookies.get("lockgate", domain="127.0.0.1") != "chosen-by-somebody-else"
    browser.post("/sign-out")
    assert not signed_in(browser)
    with desk.platform.ledger.connection() as connection:
        assert sessions.who(connection, str(first)) is None


def test_signing_out_kills_the_session_and_not_only_the_cookie(office: Office) -> None:
    browser, thief = office.browser("viewer"), Browser(office.url)
    thief.http.cookies.set("lockgate", str(browser.cookie))
    assert signed_in(thief)
    assert browser.post("/sign-out").headers["Location"] == "/sign-in"
    assert not signed_in(thief)


@pytest.mark.parametrize(("column", "seconds"), [("seen_at", sessions.IDLE), ("created_at", sessions.ABSOLUTE)])
def test_a_session_ends_when_it_is_idle_and_in_any_case(desk: Desk, office: Office, column: str, seconds: int) -> None:
    browser = office.browser("viewer")
    back = f"UPDATE lockgate.admin_sessions SET {column} = clock_timestamp() - interval '{{}} seconds'"
    at(desk, back.format(seconds - 30))
    assert signed_in(browser)
    at(desk, back.format(seconds + 1))
    assert not signed_in(browser)


def test_a_page_that_refreshes_itself_keeps_nobody_signed_in(desk: Desk, office: Office) -> None:
    browser = office.browser("viewer")
    at(desk, "UPDATE lockgate.admin_sessions SET seen_at = clock_timestamp() - interval '20 minutes'")
    assert browser.get("/", headers={"X-Live": "1"}).status_code == 200
    assert desk.count("admin_sessions WHERE seen_at < clock_timestamp() - interval '19 minutes'") == 1
    assert browser.get("/").status_code == 200
    assert desk.count("admin_sessions WHERE seen_at < clock_timestamp() - interval '19 minutes'") == 0


@pytest.mark.parametrize("change", ["role", "disable", "password"])
def test_whoever_is_changed_has_to_sign_in_again(desk: Desk, office: Office, change: str) -> None:
    ledger, browser = desk.platform.ledger, office.browser("operator")
    match change:
        case "role":
            accounts.set_role(ledger, browser.name, role=Role.VIEWER, tenants=None, order=BY)
        case "disable":
            accounts.set_disabled(ledger, browser.name, BY, disabled=True)
        case _:
            accounts.set_password(ledger, browser.name, "another long password", BY)
    assert not signed_in(browser)
    assert browser.sign_in(browser.name).status_code == (303 if change == "role" else 401)
    assert desk.count(f"audit WHERE target = '{browser.name}' AND action = 'account {change}'") == 1


def test_the_last_who_manages_accounts_stays(desk: Desk, office: Office) -> None:
    ledger = desk.platform.ledger
    at(desk, "UPDATE lockgate.admin_accounts SET disabled_at = clock_timestamp() WHERE role = 'admin'")
    ann = office.account("admin")
    with pytest.raises(ConfigError, match="last one"):
        accounts.set_disabled(ledger, ann, BY, disabled=True)
    with pytest.raises(ConfigError, match="last one"):
        accounts.set_role(ledger, ann, role=Role.VIEWER, tenants=None, order=BY)
    assert desk.count(f"audit WHERE target = '{ann}'") == 1


def test_of_the_last_two_who_disable_each_other_at_once_one_stays(desk: Desk, office: Office) -> None:
    ledger = desk.platform.ledger
    at(desk, "UPDATE lockgate.admin_accounts SET disabled_at = clock_timestamp() WHERE role = 'admin'")
    two = [office.account("admin"), office.account("admin")]
    began = threading.Barrier(2)

    def disable(name: str) -> str:
        began.wait(timeout=30)
        try:
            accounts.set_disabled(ledger, name, BY, disabled=True)
        except ConfigError as error:
            return error.message
        return ""

    for _ in range(5):  # so that they meet
        with ThreadPoolExecutor(2) as pool:
            said = sorted(pool.map(disable, two))
        assert said[0] == ""
        assert "last one who may manage accounts" in said[1]
        for name in two:
            accounts.set_disabled(ledger, name, BY, disabled=False)


def test_nobody_may_guess_a_password_or_find_out_whether_a_name_is_somebodys(desk: Desk, office: Office) -> None:
    ann, ledger = office.account("viewer"), desk.platform.ledger
    browser = Browser(office.url)
    for name in (ann, "nobody"):
        assert [may_try(ledger, name, "127.0.0.1") for _ in range(PER_NAME - 1)] == [True] * (PER_NAME - 1)
    wrong = {name: browser.sign_in(name, "wrong") for name in (ann, "nobody")}
    late = {name: browser.sign_in(name) for name in (ann, "nobody")}  # not even with the right one, within this minute
    for told, status in ((wrong, 401), (late, 429)):
        assert {answer.status_code for answer in told.values()} == {status}
        assert len({answer.text.partition("<h1>")[2].partition("<form")[0] for answer in told.values()}) == 1


def test_all_names_together_are_tried_so_often_from_one_address(desk: Desk) -> None:
    ledger = desk.platform.ledger
    assert may_try(ledger, "name-1", "192.0.2.1")
    at(
        desk,
        "INSERT INTO lockgate.admin_sign_ins (who, whence) SELECT sha256(whence || n::text::bytea), whence FROM "
        f"lockgate.admin_sign_ins, generate_series(1, {PER_ADDRESS - 1}) AS n WHERE id = (SELECT max(id) FROM "
        "lockgate.admin_sign_ins)",
    )
    assert not may_try(ledger, "name-2", "192.0.2.1")
    assert may_try(ledger, "name-1", "192.0.2.2")


@pytest.fixture
def costly(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Passwords hashed as they are outside of tests."""
    monkeypatch.setattr(passwords, "_hasher", PasswordHasher())
    passwords._nobodys.cache_clear()
    yield
    passwords._nobodys.cache_clear()


class Noting(PasswordHasher):
    """One that notes how costly each hash was that a password was held against."""

    def __init__(self) -> None:
        super().__init__()
        self.tried: list[tuple[Parameters, int]] = []

    def verify(self, hash: str | bytes, password: str | bytes) -> Literal[True]:  # noqa: A002
        self.tried.append((extract_parameters(str(hash)), len(password)))
        return super().verify(hash, password)


def test_a_name_that_nobody_has_costs_as_much(office: Office, monkeypatch: pytest.MonkeyPatch) -> None:
    """The time that it takes tells nothing, for the same is done: `python -m benchmarks.sign_in` measures it."""
    hasher = Noting()
    monkeypatch.setattr(passwords, "_hasher", hasher)
    passwords._nobodys.cache_clear()
    ann = office.account("viewer")
    browser = Browser(office.url)
    costs = []
    for name in (ann, "nobody-at-all", ann, "nobody-at-all"):
        assert browser.sign_in(name, "wrong password").status_code == 401
        costs.append(hasher.tried)
        hasher.tried = []
    passwords._nobodys.cache_clear()
    assert [len(tried) for tried in costs] == [1] * 4
    assert costs == costs[:1] * 4


def test_a_password_is_long_and_stored_as_argon2id(desk: Desk, costly: None) -> None:  # noqa: ARG001
    with pytest.raises(ConfigError, match="12 to 1024"):
        accounts.add(desk.platform.ledger, "bob", "short", role=Role.VIEWER, tenants=None, order=BY)
    accounts.add(desk.platform.ledger, "bob", PASSWORD, role=Role.VIEWER, tenants=None, order=BY)
    assert desk.count("admin_accounts WHERE name = 'bob' AND password LIKE '$argon2id$v=19$m=65536,t=3,p=4$%'") == 1
