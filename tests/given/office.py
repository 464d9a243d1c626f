"""The admin, served for real, and people and programs who use it."""

import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from html.parser import HTMLParser
from itertools import count
from typing import Any

import requests
from flask import Flask
from waitress.server import create_server
from waitress.wasyncore import close_all

from admin.access import accounts, tokens
from admin.access.person import Role
from admin.web.app import make
from admin.web.place import Place
from admin.web.refusals import carry_headers
from config.settings import Settings
from embedded.process import free_port
from ledger.audit import Order
from tasks import platform as platforms


@dataclass(frozen=True)
class Desk:
    """A deployment of which only the ledger and Redis are needed: nothing is sent, and no worker runs."""

    settings: Settings

    @property
    def platform(self) -> platforms.Platform:
        return platforms.platform()

    def count(self, what: str) -> int:
        """`SELECT count(*) FROM` something."""
        with self.platform.ledger.connection() as connection:
            row = connection.execute(f"SELECT count(*) FROM lockgate.{what}").fetchone()
        assert row is not None
        return int(row[0])


PASSWORD = "correct horse battery"
_BY = Order("test", "a test needs it")


@dataclass
class Office:
    """The pages at an address, and the accounts that use them."""

    place: Place
    app: Flask
    url: str
    made: Iterator[int] = field(default_factory=lambda: count(1))

    def account(self, role: str, *tenants: str, name: str = "") -> str:
        """Make an account; its name."""
        name = name or f"{role}-{next(self.made)}"
        accounts.add(self.place.ledger, name, PASSWORD, role=Role(role), tenants=tenants, order=_BY)
        return name

    def browser(self, role: str | None = None, *tenants: str) -> "Browser":
        """A browser; signed in as somebody new with that role, if one is given."""
        opened = Browser(self.url)
        if role is not None:
            opened.name = self.account(role, *tenants)
            assert opened.sign_in(opened.name).status_code == 303
        return opened

    def program(self, role: str, *tenants: str) -> "Program":
        """A program with a token of that role."""
        name = f"bot-{next(self.made)}"
        token = tokens.add(self.place.ledger, name, role=Role(role), tenants=tenants, days=1, order=_BY)
        return Program(self.url, token)


class Browser:
    """What a browser does: cookies, forms with their tokens, and the headers that say where a form comes from."""

    def __init__(self, url: str) -> None:
        self.url = url
        self.name = ""
        self.http = requests.Session()
        self.http.trust_env = False

    def get(self, path: str, **more: Any) -> requests.Response:
        more.setdefault("allow_redirects", False)
        return self.http.get(self.url + path, timeout=30, **more)

    def sign_in(self, name: str, password: str = PASSWORD, **fields: str) -> requests.Response:
        return self.post("/sign-in", {"name": name, "password": password, **fields}, page="/sign-in")

    def token(self, page: str) -> str:
        """The token in a page's forms; of the page that follows, where it leads on."""
        found = re.search(r'name="form" value="([\w-]+)"', self.get(page, allow_redirects=True).text)
        return found.group(1) if found else ""

    def post(
        self, path: str, fields: dict[str, Any] | None = None, *, page: str = "/", **headers: str
    ) -> requests.Response:
        """Send a form of a page of ours."""
        sent = {"form": self.token(page), **(fields or {})}
        origin = {"Origin": self.url, "Sec-Fetch-Site": "same-origin"}
        return self.http.post(
            self.url + path, data=sent, headers={**origin, **headers}, allow_redirects=False, timeout=30
        )

    @property
    def cookie(self) -> str | None:
        return self.http.cookies.get("lockgate")


@dataclass(frozen=True)
class Program:
    """A program with a token."""

    url: str
    token: str

    def ask(self, method: str, path: str, **more: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {self.token}"} | more.pop("headers", {})
        return requests.request(
            method, f"{self.url}/api/v1{path}", headers=headers, timeout=30, allow_redirects=False, **more
        )


class Elements(HTMLParser):
    """The elements of a page, to see what a browser would make of it."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found.append((tag, dict(attrs)))

    def links(self) -> set[str]:
        return {str(attrs["href"]) for tag, attrs in self.found if tag == "a" and attrs.get("href")}


@contextmanager
def served() -> Iterator[Office]:
    """The admin of this process's platform, in a thread on a port of its own."""
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    place = Place(platforms.platform(), url)
    app = make(place)
    server = create_server(app, host="127.0.0.1", port=port, threads=6, ident=None)
    carry_headers(server, secure=False)
    serving = threading.Thread(target=server.run, name="admin")
    serving.start()
    try:
        yield Office(place, app, url)
    finally:
        # In the server's own thread: closed from here, it would wait for sockets that are no more.
        with suppress(OSError):  # who was woken by another pull has closed all of it by now, this trigger too
            server.trigger.pull_trigger(lambda: close_all(server._map))
        serving.join(timeout=60)
        server.task_dispatcher.shutdown()
