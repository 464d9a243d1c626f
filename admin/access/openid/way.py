"""The way to the provider: requests that end in time, follow nothing, and take in no more than they need.

Authlib speaks through a session of requests. This adapter stands under it and hands every request to the one place that
opens sockets, so that a provider that drips or never stops cannot hold a page for longer than a call may take.
"""

from collections.abc import Mapping
from threading import BoundedSemaphore
from typing import Any
from urllib.parse import urlsplit

import requests
from authlib.integrations.requests_client import OAuth2Session
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict

from admin.access.openid.refused import AwayError, WrongError
from integrations.transport import Limits, Transport
from operations.outcome import Deferred
from operations.request import Request, Silence

LIMITS = Limits(connect=3.0, read=5.0, total=6.0, max_body=512 * 1024)
_AT_ONCE = 3  # calls; a provider that hangs must leave threads to those who are signed in
PATIENCE = 2.0  # seconds that somebody waits for their turn
_REDIRECTS = range(300, 400)
_TROUBLE = 500


class Way(BaseAdapter):
    """Carries requests of Authlib's session; it never raises anything but an `OpenIdError`."""

    def __init__(self) -> None:
        super().__init__()
        self._transport = Transport(pool_size=_AT_ONCE)
        self._turns = BoundedSemaphore(_AT_ONCE)

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """One request and its whole answer.

        Raises:
            AwayError: there is no whole answer, or it says that the provider is in trouble.
            WrongError: it leads elsewhere.
        """
        if not self._turns.acquire(timeout=PATIENCE):
            raise busy()
        try:
            return self._sent(request)
        finally:
            self._turns.release()

    def close(self) -> None:
        """Close the kept connections."""
        self._transport.close()

    def _sent(self, request: requests.PreparedRequest) -> requests.Response:
        url = urlsplit(request.url or "")
        origin = f"{url.scheme}://{url.netloc}"
        body = request.body or b""
        heard = self._transport.send(
            Request(
                method=request.method or "GET",
                path=(url.path or "/") + (f"?{url.query}" if url.query else ""),
                headers=_headers(request.headers),
                body=body if isinstance(body, bytes) else str(body).encode(),
            ),
            base_url=origin, session=("openid", origin), credentials={}, limits=LIMITS, guard=lambda: None,
        )  # fmt: skip
        if isinstance(heard, (Silence, Deferred)):
            raise AwayError(_silent(heard))
        if heard.status in _REDIRECTS:
            raise WrongError(
                "The OpenID provider leads elsewhere where it should answer: set the issuer that it is now."
            )
        if heard.status >= _TROUBLE:
            raise AwayError(f"The OpenID provider is in trouble, and answers {heard.status}: try again in a minute.")
        answer = requests.Response()
        answer.status_code, answer.headers = heard.status, CaseInsensitiveDict(heard.headers)
        answer._content, answer.url, answer.request = heard.body, request.url or "", request  # noqa: SLF001  as requests' tests do
        return answer


def session(way: Way, **more: Any) -> OAuth2Session:
    """A session of Authlib's that goes this way: no .netrc, no proxy of the environment, no cookies kept."""
    made = OAuth2Session(**more)
    made.trust_env = False
    for scheme in ("https://", "http://"):
        made.mount(scheme, way)
    return made


def busy() -> AwayError:
    """Others wait for the provider already."""
    return AwayError("The OpenID provider is slow, and others wait for it already: try again in a minute.")


def _headers(found: Mapping[str, Any]) -> dict[str, str]:
    """Without those that the transport says for itself."""
    own = {"content-length", "accept-encoding", "connection"}
    return {name: str(value) for name, value in found.items() if name.lower() not in own}


def _silent(heard: Silence | Deferred) -> str:
    if isinstance(heard, Silence) and heard.code == "too_large":
        return "The OpenID provider answers with more than anybody could have asked for: nobody is signed in."
    if isinstance(heard, Silence) and heard.code == "tls":
        return "The certificate of the OpenID provider cannot be trusted: nobody is signed in."
    return "The OpenID provider does not answer: try again in a minute, or sign in with a password where you have one."
