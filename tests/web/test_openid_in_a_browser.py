"""Somebody signs in through the OpenID provider in a real browser, which has its own mind about cookies from other sites."""

from collections.abc import Iterator

import pytest
from given.chromium import opened
from given.id_tokens import CLIENT, SECRET
from given.issuer import Issuer
from given.office import Desk, Office


@pytest.fixture(scope="module")
def running() -> Iterator[Issuer]:
    started = Issuer()
    yield started
    started.end()


@pytest.fixture(scope="module")
def besides(running: Issuer) -> dict[str, str]:
    return {
        "LOCKGATE_ADMIN_OIDC_ISSUER": running.url, "LOCKGATE_ADMIN_OIDC_CLIENT_ID": CLIENT,
        "LOCKGATE_ADMIN_OIDC_CLIENT_SECRET": SECRET,
    }  # fmt: skip


@pytest.mark.parametrize("javascript", [True, False])
def test_there_and_back_and_out(desk: Desk, office: Office, running: Issuer, *, javascript: bool) -> None:
    running.told(lie="asks first")
    with opened() as browser:
        page = browser.new_context(java_script_enabled=javascript).new_page()
        page.set_default_timeout(60_000)
        refused: list[str] = []
        page.on("console", lambda said: refused.append(said.text) if "Content Security Policy" in said.text else None)
        page.goto(f"{office.url}/operations")
        page.click(f"text=Sign in with {running.url.removeprefix('http://')}")
        page.wait_for_url(f"{running.url}/authorize*")  # by itself: the page that leads there is left before it is read
        page.click("#yes")
        page.wait_for_selector("h1:has-text('Operations')")  # where they were going, in a session of their own
        assert page.url == f"{office.url}/operations"
        assert page.locator(".who span").inner_text().startswith("oidc:ann~")
        assert {cookie["sameSite"] for cookie in page.context.cookies(office.url)} == {"Strict"}
        page.reload()
        assert page.locator(".who span").count() == 1
        page.click("text=Sign out")
        page.wait_for_selector("h1:has-text('Sign in')")
        assert desk.count("admin_sessions") == 0
        page.goto(f"{office.url}/operations")
        assert page.locator("h1").inner_text() == "Sign in"
        assert refused == []
