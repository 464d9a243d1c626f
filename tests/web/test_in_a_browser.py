"""An operator at three in the morning, in a real browser: from the sign-in to the last dead letter brought home."""

from collections.abc import Callable, Iterator

import pytest
import requests
from given.chromium import opened
from given.deployment import Deployment, eventually
from given.office import PASSWORD, Office, served
from given.payments import charges
from given.troubled import PAYMENTS, doubtful, refused
from playwright.sync_api import Browser, Page

WHY = "the permission is granted again"


@pytest.fixture
def browser() -> Iterator[Browser]:
    with opened() as found:
        yield found


@pytest.fixture
def office(deployment: Deployment) -> Iterator[Office]:
    deployment.worker(concurrency=8)
    with served() as found:
        yield found


@pytest.fixture
def signed_in(office: Office, browser: Browser) -> Callable[[str], Page]:
    """Somebody's own window, signed in by hand."""

    def sign_in(name: str) -> Page:
        office.account("operator", name=name)
        page = browser.new_context(java_script_enabled=name != "bob").new_page()  # bob has no JavaScript at all
        page.set_default_timeout(60_000)
        page.goto(office.url + "/groups")
        page.fill("#name", name)
        page.fill("#password", PASSWORD)
        page.click("text=Sign in >> nth=-1")
        page.wait_for_selector("h1:has-text('Dead letters')")
        return page

    return sign_in


def because(page: Page, form: str, why: str = WHY) -> None:
    """Fill in the reason of an order, and send it."""
    page.locator(f"{form} input[name=because]").first.fill(why)
    page.locator(f"{form} button").first.click()


def test_a_bulk_whose_canary_fails_stops_and_goes_on_when_the_cause_is_mended(
    deployment: Deployment, signed_in: Callable[[str], Page]
) -> None:
    names = [f"90{number:02}" for number in range(12)]
    refused(deployment, *names)
    page = signed_in("ann")
    page.reload()
    page.click("td.name a")
    assert page.locator(".numbers b").first.inner_text() == "12"
    because(page, "form[action='/runs']")
    assert "nothing is sent before you start it" in page.locator(".told.done").inner_text()
    assert deployment.count("operations WHERE epoch > 1") == 0

    fault = deployment.sandbox.fault("F19", form="scope", match=PAYMENTS)
    because(page, "form[action$='/start']")
    page.wait_for_selector(".badge:has-text('stopped')")  # by itself: the page refreshes, and nobody presses anything
    assert deployment.count("operations WHERE epoch > 1") < len(names)
    assert charges(deployment, names[-1]) == []

    eventually(lambda: deployment.count("run_letters WHERE state = 'sent'") == 0)  # what was under way is back, too
    deployment.sandbox.control("DELETE", f"/faults/{fault['id']}")
    page.reload()
    because(page, "form[action$='/resume']")
    assert "goes on" in page.locator(".told.done").inner_text()
    eventually(lambda: deployment.count("runs WHERE state NOT IN ('canary', 'running')") == 1)
    assert deployment.count("runs WHERE state = 'done'") == 1
    page.reload()
    assert page.locator("main .badge").first.inner_text() == "done"


def test_a_doubt_is_asked_about_and_resolved_by_hand(deployment: Deployment, signed_in: Callable[[str], Page]) -> None:
    number = doubtful(deployment, "9101")
    page = signed_in("bob")
    page.fill("#q", f"dl_{number}")
    page.press("#q", "Enter")
    assert "It may have happened at the provider, or not." in page.locator("main").inner_text()
    assert page.locator("aside button.primary").all_inner_texts() == ["Ask stripe now"]  # no end is suggested before
    page.click("form.ask button")
    assert page.locator("aside button.primary").all_inner_texts() == ["It happened"]
    (charge,) = charges(deployment, "9101")
    assert charge["reference"] in page.locator("table.both").inner_text()
    assert "differs" in page.locator("table.both").inner_text()

    page.locator("form:has(input[value=succeeded]) input[name=reference]").first.fill(charge["reference"])
    because(page, "form:has(input[value=succeeded])", "it stands in their dashboard")
    assert "it succeeded" in page.locator(".told.done").inner_text()
    assert deployment.count(f"operations WHERE state = 'succeeded' AND reference = '{charge['reference']}'") == 1
    assert deployment.count("audit WHERE actor = 'bob' AND action = 'resolve'") == 1


def test_a_correction_of_money_goes_out_when_a_second_person_approves_it(
    deployment: Deployment, office: Office, signed_in: Callable[[str], Page]
) -> None:
    (number,) = refused(deployment, "9201")
    ann, bob = signed_in("ann"), signed_in("bob")
    ann.goto(f"{office.url}/deadletters/{number}/edit")
    ann.fill("#a-amount", "4100")
    because(ann, "form.edit", "the discount was forgotten")
    assert "second person" in ann.locator(".told.done").inner_text()
    assert ann.locator("form[action$='/approve']").count() == 0
    assert charges(deployment, "9201") == []

    bob.goto(f"{office.url}/edits")
    assert "4100" in bob.locator("main").inner_text()
    bob.click("td.name a")
    because(bob, "form[action$='/approve']", "it is right")
    assert "next generation" in bob.locator(".told.done").inner_text()
    eventually(lambda: len(charges(deployment, "9201")) == 1)
    (charge,) = charges(deployment, "9201")
    key = {"Authorization": "Bearer sk_test_drill"}
    there = requests.get(
        f"{deployment.sandbox.urls['stripe']}/v1/payment_intents/{charge['reference']}", headers=key, timeout=30
    )
    assert there.json()["amount"] == 4100
    ann.reload()
    assert "superseded" in ann.locator("main").inner_text()
