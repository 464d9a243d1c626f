"""The one place that opens sockets: a prepared request out, a whole reply or a silence back."""

import socket
import ssl
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import requests
from requests.adapters import BaseAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH

from config import crashpoint
from integrations.answer import Answer
from integrations.connection import CallTimes, ConnectError, Connection, NotSentError, current
from integrations.origin import Origin
from integrations.wire import destination, written
from operations.outcome import Deferred
from operations.request import Reply, Request, Silence
from resilience.clock import boottime

_SUCCESSES = range(200, 300)
_OURS = (("User-Agent", "lockgate"), ("Accept-Encoding", "identity"))


@dataclass(frozen=True, slots=True)
class Limits:
    """The times and sizes of a call.

    Attributes:
        connect, read: seconds for connecting, and between two bytes.
        total: seconds for everything from the name server to the last byte.
        max_body: bytes of an answer, before and after decompression.
    """

    connect: float
    read: float
    total: float
    max_body: int


class _Adapter(BaseAdapter):
    """requests' adapter over our connections; it retries nothing, follows nothing and keeps no cookie."""

    def __init__(self, context: ssl.SSLContext, pool_size: int) -> None:
        super().__init__()
        self._context = context
        self._pool_size = pool_size
        self._origins: dict[str, Origin] = {}  # mostly there is one

    def send(self, request: requests.PreparedRequest, *_: Any, **__: Any) -> requests.Response:
        """Send it once; the body is still to be read from `raw`, and the answer to be closed."""
        place, target = destination(request.url or "")
        origin = self._origin(place)
        asked = written(request, target, origin.host)
        connection = origin.take()
        heard = Answer(connection.hear, partial(_ended, origin, connection), bodiless=request.method == "HEAD")
        try:
            connection.say(asked)
            heard.begin()
        except NotSentError:
            origin.give(connection)  # nothing has left: it is as good as before
            raise
        except BaseException:
            heard.close()
            raise
        if connection.broken and heard.status in _SUCCESSES:  # a refusal may come early, but not this
            heard.close()
            raise ConnectionError("a success was answered to a request that did not leave whole")
        crashpoint.reached("call.after_first_byte")
        answer = requests.Response()
        answer.request, answer.url, answer.raw = request, request.url or "", heard
        answer.status_code, answer.headers = heard.status, CaseInsensitiveDict(heard.headers)
        return answer

    def close(self) -> None:
        """Close the kept connections; a call that comes all the same makes new ones."""
        origins, self._origins = self._origins, {}
        for origin in origins.values():
            origin.close()

    def _origin(self, place: str) -> Origin:
        known = self._origins.get(place)
        return known or self._origins.setdefault(place, Origin(place, self._context, self._pool_size))


def _ended(origin: Origin, connection: Connection, reusable: bool) -> None:  # noqa: FBT001  said by Answer alone
    if reusable and not connection.broken:
        origin.give(connection)
    else:
        connection.close()


class Transport:
    """Sends requests. One session per (provider, tenant): no cookie, connection or credential is ever shared.

    Args:
        pool_size: connections kept alive per session, at most; more than any process has threads, for a connection that
            finds no place is thrown away after its call, and a place that is not used costs nothing.
        sessions: kept at most; with thousands of tenants the connections of those who had no call for the longest time are
            closed, or they would use up the process's files. Calls that are under way on them end as they would.
    """

    def __init__(self, pool_size: int = 256, *, sessions: int = 256) -> None:
        self._pool_size = pool_size
        self._most = sessions
        self._sessions: dict[tuple[str, str], _Adapter] = {}  # the one that was used last is the last
        self._lock = threading.Lock()
        self._trust: ssl.SSLContext | None = None

    def send(
        self,
        request: Request,
        *,
        base_url: str,
        session: tuple[str, str],
        credentials: Mapping[str, str],
        limits: Limits,
        guard: Callable[[], None],
    ) -> Reply | Silence | Deferred:
        """Send one request, once.

        Args:
            request: what was frozen.
            base_url: where the provider is; no other host is ever spoken to.
            session: provider and tenant.
            credentials: headers that authenticate.
            limits: times and sizes.
            guard: raises `NotSentError` when the first byte must not leave any more.
        """
        started = boottime()
        times = CallTimes(started + limits.total, limits.connect, limits.read, guard, started=started)
        current.times = times
        try:
            return self._exchange(_prepared(request, base_url, credentials), session, times, limits)
        except NotSentError as error:
            return Deferred(error.reason, error.delay)
        finally:
            current.times = None

    def close(self) -> None:
        """Close the kept connections."""
        for session in self._sessions.values():
            session.close()

    def _exchange(
        self, prepared: requests.PreparedRequest, session: tuple[str, str], times: CallTimes, limits: Limits
    ) -> Reply | Silence:
        answer: requests.Response | None = None
        try:
            answer = self._session(session).send(prepared)
            body = _read(answer, limits.max_body)
            crashpoint.reached("call.after_answer")
        except (ConnectError, OSError, EOFError, ValueError, zlib.error) as error:
            return _silence(error, times, answer)
        else:
            return Reply(answer.status_code, _headers(answer), body, boottime() - times.started)
        finally:
            if answer is not None:
                answer.close()  # and its connection, unless all of it was read and another call may follow

    def _session(self, key: tuple[str, str]) -> _Adapter:
        with self._lock:
            if self._trust is None:
                self._trust = _trust()
            used = self._sessions.pop(key, None) or _Adapter(self._trust, self._pool_size)
            self._sessions[key] = used
            idle = self._sessions.pop(next(iter(self._sessions))) if len(self._sessions) > self._most else None
        if idle is not None:
            idle.close()
        return used


class _TooLargeError(ValueError):
    """The answer is larger than the cap."""


class _UnevenError(ValueError):
    """The answer ended before its compressed body did, or goes on behind it: then what we have is not all of it."""


class _Settled(ssl.SSLContext):
    """A context that urllib3 does not set up anew for each connection, while others are shaking hands with it.

    CPython reads what `set_alpn_protocols` replaces without a lock (its issue 141012). Nothing but HTTP/1.1 is spoken, which
    needs no such offer.

    Its sockets tell an end that was said from one that a stranger on the way has made: an answer may have no other.
    """

    def wrap_socket(self, sock: socket.socket, *args: Any, **more: Any) -> ssl.SSLSocket:
        """As urllib3 asks, without passing over an end that was not said."""
        return super().wrap_socket(sock, *args, **{**more, "suppress_ragged_eofs": False})

    def set_alpn_protocols(self, alpn_protocols: Any) -> None:
        """Nothing."""


def _trust() -> ssl.SSLContext:
    """Whom to believe: whom the machine believes, and the authorities that come with requests.

    One for all sessions: reading them takes 30 ms and a megabyte, and there is nothing of a tenant's in it.
    """
    context = _Settled(ssl.PROTOCOL_TLS_CLIENT)  # it demands a certificate, of the right name
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    context.load_default_certs()
    context.load_verify_locations(DEFAULT_CA_BUNDLE_PATH)
    return context


def _prepared(request: Request, base_url: str, credentials: Mapping[str, str]) -> requests.PreparedRequest:
    """Made by hand: the bytes are frozen, and requests' own preparation would cost more than the call's other half."""
    target = request.target
    prepared = requests.PreparedRequest()
    prepared.method, prepared.body = request.method, request.body or None
    prepared.url = base_url + (target if target[:1] in {"", "/", "?"} else f"/{target}")  # which changes no host
    length = [("Content-Length", str(len(request.body)))] if request.body or request.writes else []
    prepared.headers = CaseInsensitiveDict([*_OURS, *request.headers.items(), *credentials.items(), *length])
    return prepared


def _read(answer: requests.Response, cap: int) -> bytes:
    """The body, decompressed, within the cap on both sides."""
    packed = _unpacker(answer.headers.get("Content-Encoding", "identity"))
    raw, body = 0, bytearray()
    while chunk := answer.raw.read():
        raw += len(chunk)
        body += chunk if packed is None else packed.decompress(chunk, cap - len(body) + 1)
        if raw > cap or len(body) > cap:
            raise _TooLargeError(f"the answer is larger than {cap} bytes")
    if packed is not None and (not packed.eof or packed.unused_data):
        raise _UnevenError("the compressed body does not end where the answer does")
    return bytes(body)


def _unpacker(encoding: str) -> "zlib._Decompress | None":
    encoding = encoding.strip().lower()
    if encoding in {"identity", ""}:
        return None
    if encoding in {"gzip", "x-gzip", "deflate"}:
        return zlib.decompressobj(wbits=47)  # 32 + 15: zlib or gzip, by its header
    raise ValueError(f"an answer in {encoding}, which was not asked for")


def _headers(answer: requests.Response) -> dict[str, str]:
    return dict(answer.raw.headers)


def _silence(error: BaseException, times: CallTimes, answer: requests.Response | None) -> Silence:
    elapsed = boottime() - times.started
    if isinstance(error, ConnectError):
        return Silence(sent=False, code=error.code, message=str(error), down=error.down, elapsed=elapsed)
    code, down = _code(error, times)
    heard = None if answer is None else Reply(answer.status_code, _headers(answer), b"")
    return Silence(sent=times.sent, code=code, message=str(error), down=down, heard=heard, elapsed=elapsed)


def _code(error: BaseException, times: CallTimes) -> tuple[str, bool]:
    """Our name for the way in which no answer came, and whether it says that the provider is down."""
    if isinstance(error, _TooLargeError):
        return "too_large", False
    if isinstance(error, TimeoutError):
        late = boottime() >= times.ends
        return ("total_timeout" if late else "read_timeout"), True
    if isinstance(error, (ConnectionError, EOFError, ssl.SSLEOFError)):
        return "connection_lost", True
    return "unreadable", False
