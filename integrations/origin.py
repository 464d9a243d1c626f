"""One place that is spoken to, and the connections to it that wait for their next call."""

import ssl
import threading

from urllib3.util import parse_url

from integrations.connection import Connection, PlainConnection, TlsConnection


class Origin:
    """Hands out the connection that was used last, so that those which are too many grow old and are found closed.

    Args:
        url: scheme, host and port.
        context: whom to trust.
        most: connections that are kept.

    Attributes:
        host: as the `Host` header says it: brackets around IPv6, and no port that goes without saying.

    Raises:
        ValueError: that is no place where HTTP is spoken.
    """

    def __init__(self, url: str, context: ssl.SSLContext, most: int) -> None:
        parsed = parse_url(url)
        if parsed.scheme not in {"http", "https"} or not parsed.host or parsed.auth is not None:
            raise ValueError(f"{url!r} is no place to speak HTTP to")
        self._tls = context if parsed.scheme == "https" else None
        self._name = parsed.host.strip("[]")
        default = TlsConnection.default_port if self._tls else PlainConnection.default_port
        self._port = parsed.port or default
        named = parsed.host.rstrip(".")
        self.host = named if self._port == default else f"{named}:{self._port}"
        self._most = most
        self._idle: list[Connection] = []
        self._lock = threading.Lock()

    def take(self) -> Connection:
        """A connection for one call: one that was kept, or one that is still to be made."""
        while True:
            with self._lock:
                kept = self._idle.pop() if self._idle else None
            if kept is None:
                return self._new()
            if kept.is_connected:
                return kept
            kept.close()  # it was closed meanwhile, or says what nobody asked

    def give(self, connection: Connection) -> None:
        """Keep it for another call, if there is room."""
        with self._lock:
            room = len(self._idle) < self._most
            if room:
                self._idle.append(connection)
        if not room:
            connection.close()

    def close(self) -> None:
        """Close those that wait; one that is under way is closed when it comes back."""
        with self._lock:
            idle, self._idle, self._most = self._idle, [], 0
        for connection in idle:
            connection.close()

    def _new(self) -> Connection:
        if self._tls is None:
            return PlainConnection(self._name, self._port)
        return TlsConnection(self._name, self._port, ssl_context=self._tls, cert_reqs="CERT_REQUIRED")
