"""An OpenID provider in a process of its own, which signs in whom it is told and lies as it is told.

Run as a program it prints its address and serves until it is ended. `POST /control` takes `who` (claims of whoever comes
next) and `lie` (what it does wrong from now on); `GET /control` tells how often each of its places was asked.
"""

import base64
import hashlib
import json
import os
import secrets
import subprocess
import sys
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

import requests
from given.id_tokens import CLIENT, OTHER, SECRET, made
from joserfc.jwk import ECKey, KeySet, RSAKey

ANN = {"sub": "u-17", "preferred_username": "ann", "roles": ["operator"]}
#: Ways of a discovery document that cannot be used.
WRONG_DOCUMENTS: dict[str, dict[str, Any]] = {
    "a document of another issuer": {"issuer": OTHER},
    "a document with plain addresses": {"token_endpoint": "http://login.example.com/token"},
    "a document with two lines in an address": {"authorization_endpoint": "https://login.example.com/\r\nX: y"},
    "a document without addresses": {"jwks_uri": None},
    "a document without the code": {"response_types_supported": ["id_token"]},
    "a document without PKCE": {"code_challenge_methods_supported": ["plain"]},
    "a document without secrets": {"token_endpoint_auth_methods_supported": ["private_key_jwt"]},
}
#: Ways back that do not lead in; None takes a part away.
WRONG_WAYS_BACK: dict[str, dict[str, str | None]] = {
    "refuses": {"code": None, "error": "access_denied", "error_description": "<b>no</b>"},
    "has a bad day": {"code": None, "error": "server_error"},
    "says another state": {"state": "another"},
    "says no state": {"state": None},
    "says another issuer": {"iss": OTHER},
    "says no issuer": {"iss": None},
    "says no code": {"code": None},
}


class Mind:
    """What it knows, and how it lies."""

    def __init__(self) -> None:
        self.issuer = ""
        self.keys: list[Any] = [RSAKey.generate_key(2048, {"kid": "first", "use": "sig"}, private=True)]
        self.who: dict[str, Any] = dict(ANN)
        self.lie = ""
        self.codes: dict[str, dict[str, Any]] = {}
        self.asked: Counter[str] = Counter()
        self.released = threading.Event()

    def told(self, order: dict[str, Any]) -> None:
        self.who = order.get("who", self.who)
        self.lie = order.get("lie", self.lie)
        if order.get("rotate"):
            self.keys = [ECKey.generate_key("P-256", {"kid": secrets.token_hex(4), "use": "sig"}, private=True)]
        self.released.set()
        self.released = threading.Event()

    def document(self) -> dict[str, Any]:
        return {
            "issuer": self.issuer, "authorization_endpoint": f"{self.issuer}/authorize",
            "token_endpoint": f"{self.issuer}/token", "jwks_uri": f"{self.issuer}/keys",
            "response_types_supported": ["code"], "code_challenge_methods_supported": ["S256"],
            "id_token_signing_alg_values_supported": ["RS256", "HS256", "none"],
            "authorization_response_iss_parameter_supported": True, **WRONG_DOCUMENTS.get(self.lie, {}),
        }  # fmt: skip

    def authorized(self, asked: dict[str, str]) -> str:
        """Where the browser goes on to."""
        code = secrets.token_urlsafe(16)
        self.codes[code] = {**asked, "who": dict(self.who)}
        said = {"code": code, "state": asked["state"], "iss": self.issuer, "session_state": "x.y"}
        found = said | WRONG_WAYS_BACK.get(self.lie, {})
        return f"{asked['redirect_uri']}?{urlencode({name: part for name, part in found.items() if part is not None})}"

    def token(self, form: dict[str, str], authorization: str) -> tuple[int, Any]:
        given = base64.b64decode(authorization.removeprefix("Basic ")).decode()
        if [unquote(part) for part in given.split(":", 1)] != [CLIENT, SECRET] or self.lie == "does not know us":
            return 401, {"error": "invalid_client"}
        keep = self.lie == "takes a code twice"
        asked = self.codes.get(form["code"]) if keep else self.codes.pop(form["code"], None)
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        if asked is None or form["redirect_uri"] != asked["redirect_uri"] or challenge != asked["code_challenge"]:
            return 400, {"error": "invalid_grant"}
        claims = {"iss": self.issuer, "aud": CLIENT, "nonce": asked["nonce"], **asked["who"]}
        found = {"access_token": secrets.token_urlsafe(16), "token_type": "Bearer"}
        return 200, found if self.lie == "sends no ID token" else found | {
            "id_token": made(self.lie, self.keys[0], claims)
        }


class Handler(BaseHTTPRequestHandler):
    mind = Mind()

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        asked = dict(parse_qsl(url.query))
        self.mind.asked[url.path] += url.path != "/control"
        if self._broken(url.path):
            return
        match url.path:
            case "/.well-known/openid-configuration":
                self._say(200, self.mind.document())
            case "/keys":
                self._say(200, KeySet(self.mind.keys).as_dict(private=False))
            case "/authorize" if asked.get("client_id") == CLIENT and asked.get("code_challenge_method") == "S256":
                self._go(self.mind.authorized(asked))
            case "/control":
                self._say(200, {"asked": self.mind.asked})
            case _:
                self._say(404, {"error": "nothing"})

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        self.mind.asked[self.path] += self.path != "/control"
        if self.path == "/control":
            self.mind.told(json.loads(body))
            self._say(200, {})
        elif not self._broken(self.path):
            self._say(*self.mind.token(dict(parse_qsl(body.decode())), self.headers.get("Authorization", "")))

    def _broken(self, path: str) -> bool:
        """Whether it does something else than it should: `<lie> at <path>`."""
        lie, _, place = self.mind.lie.partition(" at ")
        if not place or not path.endswith(place):
            return False
        match lie:
            case "hangs":
                self.mind.released.wait(60)
            case "drips":
                self._drip()
            case "says too much":
                self._say(200, {"more": "x" * 4_000_000})
            case "fails":
                self._say(500, {"error": "oops"})
            case "leads elsewhere":
                self._answer(302, b"", Location=OTHER)
            case "says no JSON":
                self._answer(200, b"<html>")
            case "says a list":
                self._say(200, [])
            case "is not there":
                self._say(404, {})
        return True

    def _drip(self) -> None:
        self.send_response(200)
        self.send_header("Content-Length", "1000")
        self.end_headers()
        while not self.mind.released.wait(0.2):
            try:
                self.wfile.write(b" ")
                self.wfile.flush()
            except OSError:
                return

    def _go(self, there: str) -> None:
        """A person presses a link; everybody else is led on at once."""
        if self.mind.lie == "asks first":
            page = (
                f'<!doctype html><title>Provider</title><a id="yes" href="{there.replace("&", "&amp;")}">It is me</a>'
            )
            self._answer(200, page.encode(), **{"Content-Type": "text/html"})
        else:
            self._answer(302, b"", Location=there)

    def _say(self, status: int, value: Any) -> None:
        self._answer(status, json.dumps(value).encode(), **{"Content-Type": "application/json"})

    def _answer(self, status: int, body: bytes, **headers: str) -> None:
        self.send_response(status)
        for name, value in {**headers, "Content-Length": str(len(body))}.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self.wfile.write(body)
        except OSError:  # whoever asked has heard enough
            self.close_connection = True

    def log_message(self, *_: Any) -> None:
        pass


class Issuer:
    """That process, from outside."""

    def __init__(self) -> None:
        where = os.environ | {"PYTHONPATH": str(Path(__file__).parents[1])}
        self.process = subprocess.Popen(
            [sys.executable, "-m", "given.issuer"], stdout=subprocess.PIPE, text=True, env=where
        )
        assert self.process.stdout is not None
        self.url = self.process.stdout.readline().strip()

    def told(self, **order: Any) -> None:
        """Tell it whom it signs in, and how it lies."""
        assert requests.post(f"{self.url}/control", json=order, timeout=30).ok

    def honest(self) -> None:
        self.told(who=ANN, lie="")

    @property
    def asked(self) -> dict[str, int]:
        """How often each of its places was asked."""
        found: dict[str, int] = requests.get(f"{self.url}/control", timeout=30).json()["asked"]
        return found

    def end(self) -> None:
        self.process.kill()
        self.process.wait()
        assert self.process.stdout is not None
        self.process.stdout.close()


def main() -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    # By this name it is another site than the admin at 127.0.0.1, as it would be in earnest.
    Handler.mind.issuer = f"http://localhost:{server.server_address[1]}"
    sys.stdout.write(Handler.mind.issuer + "\n")
    sys.stdout.flush()
    server.serve_forever()


if __name__ == "__main__":
    main()
