"""One answer as it comes, parsed in C by llhttp; it says when the head is there, when all is there, and what was wrong."""

from collections.abc import Callable

from httptools import HttpParserCallbackError, HttpParserError, HttpResponseParser

_START = b"HTTP/1."  # the parser would take RTSP and others as well
_VERSIONS = {"1.0", "1.1"}
_LONGEST_HEAD = (
    65_536  # bytes that bring nothing of a body: of a head, of interim answers before it, of trailers behind
)
_INTERIM = range(100, 200)
_SWITCHING = 101


class UnreadableError(ValueError):
    """What came is no answer of HTTP/1.1."""


class Answer:
    """What `requests.Response.raw` is read from; the parser calls what begins with `on_`.

    Args:
        receive: the next bytes; empty once the other side has closed.
        leave: told at the end whether the connection may carry another call.
        bodiless: it answers HEAD, where lengths speak of a body that does not come.

    Attributes:
        status: 0 until the head is whole.
        headers: names in lower case; of a repeated header all values, joined by a comma.
    """

    def __init__(self, receive: Callable[[], bytes], leave: Callable[[bool], None], *, bodiless: bool = False) -> None:
        self.status = 0
        self.headers: dict[str, str] = {}
        self._receive = receive
        self._leave = leave
        self._bodiless = bodiless
        self._whole = False
        self._reusable = False
        self._bare = 0
        self._pieces: list[bytes] = []
        self.on_body = self._pieces.append
        self._parser: HttpResponseParser | None = HttpResponseParser(self)

    def begin(self) -> None:
        """Read until the head is whole.

        Raises:
            UnreadableError: it never will be.
            EOFError: the other side closed before.
        """
        piece = self._receive()
        if not piece.startswith(_START[: len(piece)]):
            raise UnreadableError("what came is not HTTP/1")
        self._feed(piece)
        while not self.status:
            self._feed(self._receive())

    def read(self) -> bytes:
        """What has come of the body since; empty at its end.

        Raises:
            UnreadableError: the rest of it cannot be read.
            EOFError: the other side closed before its end.
        """
        while not self._pieces and not self._whole:
            self._feed(self._receive())
        body = b"".join(self._pieces)
        self._pieces.clear()
        return body

    def close(self) -> None:
        """Nothing more is read."""
        self._parser = None  # which holds our methods: the two would be left to the collector of cycles
        self._leave(self._reusable)

    def _feed(self, piece: bytes) -> None:
        assert self._parser is not None
        if not piece:
            self._closed()
            return
        try:
            self._parser.feed_data(piece)
        except HttpParserError as error:
            self._reusable = False
            within = error.__context__ if isinstance(error, HttpParserCallbackError) else None
            if within is not None and not isinstance(within, Exception):
                raise within from None  # what a signal's receiver raised while the parser called us, which caught it
            if not self._whole:  # what comes behind the end is nobody's answer, but the answer is there
                raise UnreadableError(str(within or error)) from None
        if self._bodiless:
            self._pieces.clear()
        self._bare = 0 if self._pieces else self._bare + len(piece)
        if self._bare > _LONGEST_HEAD and not self._whole:
            raise UnreadableError(f"more than {_LONGEST_HEAD} bytes of headers")

    def _closed(self) -> None:
        """An answer that names no length ends here; of any other, something is missing."""
        if not self.status or "content-length" in self.headers or "transfer-encoding" in self.headers:
            raise EOFError("the connection was closed before the end of the answer")
        self._whole = True

    def on_message_begin(self) -> None:
        """Another answer follows: after an interim one it is ours, after ours it is nobody's."""
        if self._whole:
            raise UnreadableError("bytes behind the end of the answer")

    def on_header(self, name: bytes, value: bytes) -> None:
        """A header, or a trailer, which is nothing to us."""
        if self.status:
            return
        known, said = name.lower().decode("latin-1"), value.decode("latin-1")
        self.headers[known] = f"{self.headers[known]}, {said}" if known in self.headers else said

    def on_headers_complete(self) -> None:
        """The head is whole, unless it is an interim one."""
        assert self._parser is not None
        status = self._parser.get_status_code()
        if self._parser.get_http_version() not in _VERSIONS:  # the start may have come in pieces
            raise UnreadableError("what came is not HTTP/1")
        if status in _INTERIM and status != _SWITCHING:
            if "transfer-encoding" in self.headers or self.headers.get("content-length", "0").strip() != "0":
                raise UnreadableError("an interim answer with a body")  # the parser would take it for one of ours
            self.headers = {}
            return
        if status < _INTERIM.stop:
            raise UnreadableError(f"status {status}, which answers nothing that was asked")
        self.status, self._whole = status, self._bodiless

    def on_message_complete(self) -> None:
        """The answer is whole, unless it was an interim one."""
        assert self._parser is not None
        if self.status:
            self._whole = True
            self._reusable = not self._bodiless and self._parser.should_keep_alive()
