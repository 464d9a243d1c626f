"""Flower's page of dead letters: behind Flower's own door, with the open groups, each leading into the admin."""

import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import requests
from given.buried import EXHAUSTED, dead
from given.deployment import Deployment, eventually
from given.documents import ROOT

from embedded.process import free_port

CONF = ROOT / "admin" / "flower" / "conf.py"
WHO = ("somebody", "something")


@contextmanager
def flower(deployment: Deployment, folder: Path, *options: str) -> Iterator[str]:
    """A Flower with our page; where it is."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    with (folder / "flower.log").open("wb") as log:
        process = subprocess.Popen(
            [
                sys.executable, "-m", "celery", "-A", "tasks", "flower", "--address=127.0.0.1", f"--port={port}",
                f"--conf={CONF}", *options,
            ],
            env=deployment.environment
            | {"FLOWER_BASIC_AUTH": ":".join(WHO), "LOCKGATE_ADMIN_URL": "https://admin.example.com"},
            stdout=log, stderr=log,
        )  # fmt: skip
    try:
        eventually(lambda: process.poll() is not None or _up(url))
        assert process.poll() is None, (folder / "flower.log").read_text()
        yield url
    finally:
        process.kill()
        process.wait()


def test_the_page_lists_open_groups_and_leads_into_the_admin(deployment: Deployment, tmp_path: Path) -> None:
    letter, _ = dead(deployment.platform.ledger, EXHAUSTED, key="order:1:payment", message="<script>alert(1)</script>")
    with flower(deployment, tmp_path) as url:
        assert requests.get(f"{url}/deadletters", timeout=30).status_code == 401
        page = requests.get(f"{url}/deadletters", auth=WHO, timeout=30)
        assert page.status_code == 200
        assert f'href="https://admin.example.com/groups/{letter.fingerprint}"' in page.text
        assert f'href="https://admin.example.com/deadletters/{letter.id}"' in page.text
        assert "stripe.take_payment" in page.text
        assert "<script>alert(1)</script>" not in page.text
        assert "&lt;script&gt;alert(1)&lt;/script&gt;" in page.text
        for path in ("/", "/tasks", "/broker", "/deadletters"):
            tabs = requests.get(f"{url}{path}", auth=WHO, timeout=30).text
            assert tabs.count('href="/deadletters"') == 1, path
        assert requests.post(f"{url}/deadletters", auth=WHO, timeout=30).status_code in {403, 405}


def test_under_a_prefix_the_tab_leads_to_the_page(deployment: Deployment, tmp_path: Path) -> None:
    with flower(deployment, tmp_path, "--url-prefix=watch") as url:
        page = requests.get(f"{url}/watch/deadletters", auth=WHO, timeout=30)
        assert page.status_code == 200
        assert "Nothing waits for a person." in page.text
        assert 'href="/watch/deadletters"' in page.text


def _up(url: str) -> bool:
    """With a prefix the question about health is under it, and its refusal is an answer too."""
    try:
        return requests.get(f"{url}/healthcheck", timeout=60).status_code in {200, 404}
    except requests.ConnectionError:
        return False
