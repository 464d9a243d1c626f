"""The one place that opens sockets: a prepared request out, a whole reply or a silence back."""

import ssl
import threading
import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import requests
from requests.adapters import HTTPAdapter
from requests.structures import CaseInsensitiveDict
from requests.utils import DEFAULT_CA_BUNDLE_PATH
from urllib3 import PoolManager
from urllib3.connectionpool import ConnectionPool
from urllib3.exceptions import HTTPError

from config import crashpoint
from integrations.connection import CallTimes, ConnectError, NotSentError, PlainPool, TlsPool, current
from operations.outcome import Deferred
from operations.request import Reply, Request, Silence
from resilience.clock import boottime

_CHUNK = 65_536
_USER_AGENT = "lockgate"


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


class _Adapter(HTTPAdapter):
    """requests' adapter over our connections; it retries nothing, follows nothing and keeps no cookie."""

    def __init__(self, context: ssl.SSLContext, pool_size: int) -> None:
        self._context = context
        self._pools: dict[str, ConnectionPool] = {}  # of each origin; mostly there is one
        super().__init__(pool_connections=1, pool_maxsize=pool_size, max_retries=0)

    def init_poolmanager(self, connections: int, maxsize: int, block: bool = False, **more: Any) -> None:  # noqa: FBT001, FBT002  requests' signature
        pools = PoolManager(num_pools=connections, maxsize=maxsize, block=block, ssl_context=self._context, **more)
        pools.pool_classes_by_scheme = {"http": PlainPool, "https": TlsPool}
        self.poolmanager = pools

    def get_connection_with_tls_context(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> Any:
        """The origin's pool, which requests would look up anew for each call, by twenty things that are always the same."""
        origin = "/".join((request.url or "").split("/", 3)[:3])
        pool = self._pools.get(origin)
        if pool is None:
            pool = self._pools[origin] = super().get_connection_with_tls_context(request, *args, **kwargs)
        return pool

    def close(self) -> None:
        """Close the kept connections; a call that comes all the same makes new ones."""
        self._pools = {}
        super().close()

    def build_response(self, req: requests.PreparedRequest, resp: Any) -> requests.Response:
        """What we read of an answer: its status, its headers and its bytes."""
        answer = requests.Response()
        answer.request, answer.raw = req, resp
        answer.status_code, answer.reason = resp.status, resp.reason
        answer.headers = CaseInsensitiveDict(resp.headers)
        return answer

    def cert_verify(self, conn: Any, url: str, verify: Any, cert: Any) -> None:  # noqa: ARG002  requests' signature
        """The context knows whom to trust; requests would read the same file anew for each connection."""
        conn.cert_reqs = "CERT_REQUIRED"


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
            timeout = (limits.connect, limits.read)
            answer = self._session(session).send(prepared, stream=True, timeout=timeout, verify=True)
            body = _read(answer, limits.max_body)
            crashpoint.reached("call.after_answer")
        except (requests.RequestException, HTTPError, ConnectError, OSError, ValueError, zlib.error) as error:
            if isinstance(cause := _root(error), NotSentError):
                raise cause from None
            return _silence(error, times, answer)
        else:
            return Reply(answer.status_code, _headers(answer), body, boottime() - times.started)
        finally:
            if answer is not None:
                answer.close()  # a connection that was read to its end is back in the pool already

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


class _CutShortError(ValueError):
    """The answer ended before its compressed body did."""


_OURS = (NotSentError, ConnectError, _TooLargeError, _CutShortError)


class _Settled(ssl.SSLContext):
    """A context that urllib3 does not set up anew for each connection, while others are shaking hands with it.

    CPython reads what `set_alpn_protocols` replaces without a lock (its issue 141012). Nothing but HTTP/1.1 is spoken, which
    needs no such offer.
    """

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
    prepared = requests.PreparedRequest()
    prepared.method = request.method
    prepared.url = base_url + request.target
    prepared.headers = CaseInsensitiveDict({"User-Agent": _USER_AGENT, "Accept-Encoding": "identity"})
    prepared.headers.update(request.headers)
    prepared.headers.update(credentials)
    prepared.body = request.body or None
    if request.body or request.writes:
        prepared.headers["Content-Length"] = str(len(request.body))
    return prepared


def _read(answer: requests.Response, cap: int) -> bytes:
    """The body, decompressed, within the cap on both sides."""
    packed = _unpacker(answer.headers.get("Content-Encoding", "identity"))
    raw, body = 0, bytearray()
    while chunk := answer.raw.read(_CHUNK, decode_content=False):
        raw += len(chunk)
        body += chunk if packed is None else packed.decompress(chunk, cap - len(body) + 1)
        if raw > cap or len(body) > cap:
            raise _TooLargeError(f"the answer is larger than {cap} bytes")
    if packed is not None and not packed.eof:
        raise _CutShortError("the compressed answer has no end")
    return bytes(body)


def _unpacker(encoding: str) -> "zlib._Decompress | None":
    encoding = encoding.strip().lower()
    if encoding in {"identity", ""}:
        return None
    if encoding in {"gzip", "x-gzip", "deflate"}:
        return zlib.decompressobj(wbits=47)  # 32 + 15: zlib or gzip, by its header
    raise ValueError(f"an answer in {encoding}, which was not asked for")


def _headers(answer: requests.Response) -> dict[str, str]:
    return {name.lower(): value for name, value in answer.headers.items()}


def _root(error: BaseException) -> BaseException:
    """What urllib3 and requests have wrapped; an error of ours has said already what lies beneath it."""
    seen = error
    while not isinstance(seen, _OURS) and isinstance(inner := _inner(seen), BaseException):
        seen = inner
    return seen


def _inner(error: BaseException) -> object:
    for candidate in (getattr(error, "reason", None), *error.args, error.__cause__, error.__context__):
        if isinstance(candidate, BaseException):
            return candidate
    return None


def _silence(error: BaseException, times: CallTimes, answer: requests.Response | None) -> Silence:
    cause = _root(error)
    elapsed = boottime() - times.started
    if isinstance(cause, ConnectError):
        return Silence(sent=False, code=cause.code, message=str(cause), down=cause.down, elapsed=elapsed)
    code, down = _code(cause, times)
    heard = None if answer is None else Reply(answer.status_code, _headers(answer), b"")
    return Silence(sent=times.sent, code=code, message=str(cause), down=down, heard=heard, elapsed=elapsed)


def _code(cause: BaseException, times: CallTimes) -> tuple[str, bool]:
    """Our name for the way in which no answer came, and whether it says that the provider is down."""
    if isinstance(cause, _TooLargeError):
        return "too_large", False
    if isinstance(cause, TimeoutError):
        late = boottime() >= times.ends
        return ("total_timeout" if late else "read_timeout"), True
    if isinstance(cause, (ConnectionError, EOFError)):
        return "connection_lost", True
    if type(cause).__name__ in {"IncompleteRead", "RemoteDisconnected"}:
        return "connection_lost", True
    return "unreadable", False
