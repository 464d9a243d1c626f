"""Starts the real sandbox as a process, and speaks to it as a client would."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import requests

ROOT = Path(__file__).parents[2]
PATIENCE = 120.0  # far more than anything takes here; only a broken sandbox meets it
NO_ANSWER = 0.3  # how long a client waits that expects none


class Box:
    """One sandbox and its journal; it can be killed and started again."""

    def __init__(self, journal: Path) -> None:
        self.journal = journal
        self.complaints = journal.with_suffix(".stderr")
        self.urls: dict[str, str] = {}
        self._process: subprocess.Popen[str] | None = None
        self._control = requests.Session()

    def start(self, *options: str) -> None:
        command = [sys.executable, "-W", "error", "-m", "sandbox", "--journal", str(self.journal), *options]
        with self.complaints.open("w") as stderr:
            self._process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=stderr, text=True, cwd=ROOT)
        assert self._process.stdout is not None
        self.urls = json.loads(self._process.stdout.readline())

    def end(self, how: int = signal.SIGTERM) -> int:
        assert self._process is not None
        os.kill(self._process.pid, how)
        self._control.close()
        code = self._process.wait(PATIENCE)
        assert self._process.stdout is not None
        self._process.stdout.close()
        assert self.complaints.read_text() == "", "the sandbox itself is at fault"
        return code

    def ask(self, path: str, **query: object) -> Any:
        answer = self._control.get(
            self.urls["control"] + path, params={k: str(v) for k, v in query.items()}, timeout=PATIENCE
        )
        assert answer.status_code == 200, answer.text
        return answer.json()

    def order(self, path: str, method: str = "POST", **body: object) -> Any:
        answer = self._control.request(method, self.urls["control"] + path, json=body, timeout=PATIENCE)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def effects(self, business: str) -> list[Any]:
        return list(self.ask("/effects", business=business))

    def events(self, event: str, **about: object) -> list[Any]:
        """The journal's events of one name, with the given values."""
        word = f'"event":"{event}"'
        lines = (json.loads(line) for line in self.journal.read_text().splitlines() if word in line)
        return [line for line in lines if about.items() <= line.items()]

    def stripe(self, path: str, data: dict[str, str] | None = None, **how: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {how.pop('token', 'sk_test_one')}"} | how.pop("headers", {})
        if key := how.pop("key", None):
            headers["Idempotency-Key"] = key
        return self._send("stripe", path, headers, data=data, **how)

    def pay(self, business: str, method: str = "pm_card_visa", **how: Any) -> requests.Response:
        sent = {"amount": "1099", "currency": "gbp", "confirm": "true", "payment_method": method}
        sent |= {"metadata[lockgate_key]": business} | how.pop("more", {})
        return self.stripe("/v1/payment_intents", sent, **how)

    def postmark(self, path: str, mail: dict[str, Any] | None = None, **how: Any) -> requests.Response:
        headers = {"Accept": "application/json", "X-Postmark-Server-Token": how.pop("token", "server-one")}
        return self._send("postmark", path, headers | how.pop("headers", {}), json=mail, **how)

    def mail(self, business: str, **more: Any) -> requests.Response:
        sent = {"From": "us@example.com", "To": "you@example.com", "Subject": "Hello", "TextBody": "Hi"}
        return self.postmark("/email", sent | {"Metadata": {"lockgate_key": business}} | more)

    def plain(self, path: str, body: dict[str, Any] | None = None, **how: Any) -> requests.Response:
        headers = {"Authorization": f"Bearer {how.pop('token', 'plain-one')}"}
        return self._send("plain", path, headers | how.pop("headers", {}), json=body, **how)

    def connect(self, provider: str) -> socket.socket:
        place = urlsplit(self.urls[provider])
        return socket.create_connection((place.hostname, place.port), timeout=PATIENCE)

    def _send(self, provider: str, path: str, headers: dict[str, str], **how: Any) -> requests.Response:
        sent = how.get("data") or how.get("json")
        method = "GET" if sent is None else "POST"
        caller = how.pop("session", requests)
        how = {"timeout": PATIENCE, "allow_redirects": False} | how
        answer: requests.Response = caller.request(method, self.urls[provider] + path, headers=headers, **how)
        return answer


def until(holds: Callable[[], Any], *, within: float = PATIENCE) -> Any:
    """Wait for something to become true, and return it."""
    end = time.monotonic() + within
    while not (value := holds()):
        assert time.monotonic() < end, "it never became true"
        time.sleep(0.01)
    return value


def raw_request(method: str, path: str, body: bytes = b"") -> bytes:
    """The bytes of a request, for clients that look at sockets."""
    form = "application/x-www-form-urlencoded"
    lines = [f"{method} {path} HTTP/1.1", "Host: sandbox", "Authorization: Bearer raw", f"Content-Type: {form}"]
    return "\r\n".join([*lines, f"Content-Length: {len(body)}", "", ""]).encode() + body


def all_bytes(sock: socket.socket) -> bytes:
    """Everything up to the end of file; a reset raises."""
    data = b""
    while piece := sock.recv(65536):
        data += piece
    return data
