"""Pictures of every page, light, dark and as wide as a phone: `make screenshots`. Made from a deployment with a past."""

import base64
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from given.chromium import opened
from given.deployment import Deployment, as_application
from given.folders import for_servers
from given.office import PASSWORD, Office, served
from given.troubled import PAYMENTS, doubtful, mailed, paid, refused
from playwright.sync_api import Browser, Page

from demo.quick import write_quick_files
from embedded import Postgres, Valkey
from ledger.migrate import upgrade

CHOSEN = ("overview", "letter-doubt", "run")  # for the README, as high as a window
WAYS: dict[str, Any] = {
    "light": {"color_scheme": "light", "viewport": {"width": 1280, "height": 900}},
    "dark": {"color_scheme": "dark", "viewport": {"width": 1280, "height": 900}},
    "phone": {"color_scheme": "light", "viewport": {"width": 390, "height": 844}, "device_scale_factor": 2},
}


@contextmanager
def deployment(folder: Path) -> Iterator[Deployment]:
    """All of it, from nothing."""
    postgres, valkey = Postgres(folder / "postgres"), Valkey(folder / "valkey")
    postgres.start()
    valkey.start()
    made = None
    try:
        upgrade(postgres.url)
        key = base64.urlsafe_b64encode(os.urandom(32)).decode()
        files = write_quick_files(folder / "providers")
        made = Deployment(folder, database_url=postgres.url, valkey=valkey, data_key=key, providers=files)
        with as_application(made.settings):
            yield made
    finally:
        if made is not None:
            made.close()
        valkey.stop(immediate=True)
        postgres.stop(immediate=True)


def past(here: Deployment) -> dict[str, str]:
    """Let things happen; the pages worth a picture, by name."""
    here.worker(concurrency=8)
    mailed(here, 60)
    done = [paid(here, f"10{at:02}") for at in range(25)]
    refused(here, *(f"20{at:02}" for at in range(12)))
    doubt = doubtful(here, "3001")
    with here.platform.ledger.connection() as connection:
        row = connection.execute(
            "SELECT max(id), min(fingerprint) FROM lockgate.dead_letters WHERE effect = 'none'"
        ).fetchone()
    assert row is not None
    return {
        "overview": "/", "groups": "/groups", "group": f"/groups/{row[1]}", "letters": "/deadletters",
        "letter-doubt": f"/deadletters/{doubt}", "letter": f"/deadletters/{row[0]}",
        "letter-edit": f"/deadletters/{row[0]}/edit",
        "edits": "/edits", "runs": "/runs", "run": "/runs/1", "operations": "/operations",
        "operation": f"/operations/{here.row('o.id', done[-1].id)}", "provider": "/providers/stripe", "audit": "/audit",
        "accounts": "/accounts", "trouble": "/nothing",
    }  # fmt: skip


def prepare(here: Deployment, page: Page, office: Office, pages: dict[str, str]) -> None:
    """Do what an operator does, so that pages have something to show: ask about a doubt, and start a run too early."""
    page.set_default_timeout(120_000)
    page.goto(office.url + pages["letter-doubt"])
    page.locator("form.ask button").click()
    fault = here.sandbox.fault("F19", form="scope", match=PAYMENTS)
    page.goto(office.url + pages["group"])
    for form, why in (
        ("form[action='/runs']", "their permission is granted again"),
        ("form[action$='/start']", "it looks right"),
    ):
        page.locator(f"{form} input[name=because]").fill(why)
        page.locator(f"{form} button").click()
    page.wait_for_selector(".badge:has-text('stopped')")
    here.sandbox.control("DELETE", f"/faults/{fault['id']}")


def picture(here: Deployment, browser: Browser, office: Office, pages: dict[str, str], folder: Path) -> None:
    """Every page in every way."""
    office.account("admin", name="ann")
    for way, look in WAYS.items():
        context = browser.new_context(**look)
        page = context.new_page()
        page.goto(office.url + "/sign-in")
        page.screenshot(path=folder / f"sign-in-{way}.png", full_page=True)
        page.fill("#name", "ann")
        page.fill("#password", PASSWORD)
        page.click("button.primary")
        if way == "light":
            prepare(here, page, office, pages)
        for name, path in pages.items():
            page.goto(office.url + path)
            page.screenshot(path=folder / f"{name}-{way}.png", full_page=True)
            if way == "light" and name in CHOSEN:
                page.screenshot(path=folder / f"chosen-{name}.png")
        context.close()


def main() -> None:
    """Make them all."""
    folder = Path(sys.argv[1] if len(sys.argv) > 1 else "screenshots")
    folder.mkdir(exist_ok=True)
    with for_servers() as place, deployment(place) as here:
        pages = past(here)
        with served() as office, opened() as browser:
            picture(here, browser, office, pages, folder)
    print(f"{len(list(folder.glob('*.png')))} pictures are in {folder}")


main()
