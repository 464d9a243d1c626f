"""How an answer is read, whatever pieces it comes in: when it is whole, what is none, and whether another may follow."""

from collections.abc import Callable, Iterator

import pytest

from integrations.answer import Answer, UnreadableError

OK = b"HTTP/1.1 200 OK\r\n"
SIZED = OK + b"Content-Length: 2\r\n\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"
EARLY = b"HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\n\r\n"
LONG = 65_536
Cut = Callable[[bytes], list[bytes]]


def whole(said: bytes) -> list[bytes]:
    return [said]


def bytewise(said: bytes) -> list[bytes]:
    return [bytes([one]) for one in said]


def heard(pieces: list[bytes], *, bodiless: bool = False) -> tuple[Answer, list[bool]]:
    """An answer in these pieces, after which the other side closes; and whether its connection may be used again."""
    coming: Iterator[bytes] = iter(pieces)
    reusable: list[bool] = []
    return Answer(lambda: next(coming, b""), reusable.append, bodiless=bodiless), reusable


def read(pieces: list[bytes], *, bodiless: bool = False) -> tuple[int, dict[str, str], bytes, bool]:
    answer, reusable = heard(pieces, bodiless=bodiless)
    answer.begin()
    body = b""
    while piece := answer.read():
        body += piece
    answer.close()
    return answer.status, answer.headers, body, reusable[0]


def broken(pieces: list[bytes], error: type[Exception]) -> None:
    answer, reusable = heard(pieces)
    with pytest.raises(error):
        read_on(answer)
    answer.close()
    assert reusable == [False]


def read_on(answer: Answer) -> None:
    answer.begin()
    while answer.read():
        pass


@pytest.mark.parametrize("cut", [whole, bytewise])
@pytest.mark.parametrize(
    ("said", "body", "reusable"),
    [
        (SIZED + b"{}", b"{}", True),
        (OK + b"Content-Length: 0\r\n\r\n", b"", True),
        (CHUNKED + b"1\r\n{\r\n1;more=x\r\n}\r\n0\r\n\r\n", b"{}", True),
        (CHUNKED + b"2\r\n{}\r\n0\r\nX-Trailer: 1\r\nX-Other: 2\r\n\r\n", b"{}", True),
        (EARLY + SIZED + b"{}", b"{}", True),
        (b"HTTP/1.1 100 Continue\r\n\r\n" * 50 + SIZED + b"{}", b"{}", True),
        (b"HTTP/1.1 104 Odd\r\nContent-Length: 0 \r\n\r\n" + SIZED + b"{}", b"{}", True),
        (b"HTTP/1.1 200 \r\nContent-Length: 2\r\n\r\n{}", b"{}", True),
        (b"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\n{}", b"{}", True),
        (b"HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\n{}", b"{}", False),
        (OK + b"Connection: close\r\nContent-Length: 2\r\n\r\n{}", b"{}", False),
        (OK + b"\r\n{}", b"{}", False),
        (OK + b"Connection: keep-alive\r\n\r\n{}", b"{}", False),
        (b"HTTP/1.1 204 No Content\r\n\r\n", b"", True),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", b"", True),
        (OK + b"Connection: upgrade\r\nUpgrade: h2c\r\nContent-Length: 2\r\n\r\n{}", b"{}", True),
    ],
    ids=[
        "sized", "empty", "chunks", "trailers", "early hints", "many interim ones", "empty interim one", "no reason",
        "HTTP/1.0, kept", "HTTP/1.0", "close", "until the end", "until the end, kept", "204", "304", "an upgrade is offered",
    ],
)  # fmt: skip
def test_an_answer_is_read_to_its_end(cut: Cut, said: bytes, body: bytes, reusable: bool) -> None:  # noqa: FBT001
    status, headers, came, kept = read(cut(said))
    assert (status, came, kept) == (int(said.rpartition(b"HTTP/1.")[2][2:5]), body, reusable)
    assert not {"x-trailer", "link"} & headers.keys()


@pytest.mark.parametrize("cut", [whole, bytewise])
@pytest.mark.parametrize(
    ("said", "error"),
    [
        (b"", EOFError),
        (OK[:9], EOFError),
        (OK + b"Content-Type: applica", EOFError),
        (EARLY, EOFError),
        (SIZED + b"{", EOFError),
        (CHUNKED + b"2\r\n{", EOFError),
        (CHUNKED + b"2\r\n{}\r\n", EOFError),
        (CHUNKED + b"2\r\n{}\r\n0\r\n", EOFError),
        (OK + b"Transfer-Encoding: gzip\r\n\r\n{}", EOFError),
        (CHUNKED + b"zz\r\n{}", UnreadableError),
        (OK + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n", UnreadableError),
        (OK + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n", UnreadableError),
        (OK + b"Content-Length: 2\r\nContent-Length: 3\r\n\r\n{} ", UnreadableError),
        (OK + b"Content-Length: -2\r\n\r\n{}", UnreadableError),
        (OK + b"Content-Length: 99999999999999999999999\r\n\r\n{}", UnreadableError),
        (OK + b"X-Folded: a\r\n b\r\nContent-Length: 2\r\n\r\n{}", UnreadableError),
        (OK + b"X-Nothing: a\0b\r\nContent-Length: 2\r\n\r\n{}", UnreadableError),
        (OK + b"No colon\r\nContent-Length: 2\r\n\r\n{}", UnreadableError),
        (b"HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n{}", UnreadableError),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n{}", UnreadableError),
        (b"HTTP/1.1 104 Odd\r\nContent-Length: 5\r\n\r\nhello" + SIZED + b"{}", UnreadableError),
        (b"HTTP/1.1 104 Odd\r\nTransfer-Encoding: chunked\r\n\r\n0\r\nX: y\r\n\r\n" + SIZED + b"{}", UnreadableError),
        (b"HTTP/1.1 099 Odd\r\nContent-Length: 2\r\n\r\n{}", UnreadableError),
        (b"HTTP/1.1 2000 OK\r\nContent-Length: 2\r\n\r\n{}", UnreadableError),
        (b"SSH-2.0-OpenSSH_9\r\n", UnreadableError),
    ],
    ids=[
        "nothing", "half a status line", "half a head", "interim one only", "length", "chunk", "no last chunk",
        "no end of trailers", "coding without chunks", "no chunk", "length and coding", "coding and length", "two lengths",
        "negative", "huge", "folded", "NUL", "no colon", "101", "101 without upgrade", "interim one with a body",
        "interim one with chunks", "099", "2000", "another protocol",
    ],
)  # fmt: skip
def test_what_is_no_whole_answer_is_an_error(cut: Cut, said: bytes, error: type[Exception]) -> None:
    broken(cut(said), error)


@pytest.mark.parametrize("cut", [whole, bytewise])
@pytest.mark.parametrize("start", [b"RTSP/1.0 200 OK\r\n", b"ICE/1.0 200 OK\r\n", b"HTTP/2.0 200 OK\r\n", b"\r\n" + OK])
def test_a_protocol_that_the_parser_would_take_is_none_of_ours(cut: Cut, start: bytes) -> None:
    broken(cut(start + b"Content-Length: 2\r\n\r\n{}"), UnreadableError)


@pytest.mark.parametrize(
    "surplus", [b"x", b"HTTP/1.1 500 No\r\nContent-Length: 2\r\n\r\n[]", b"HT", b"\r\nHTTP/1.1 500 No\r\n\r\n"]
)
@pytest.mark.parametrize("more", [b"", b"Connection: close\r\n"], ids=["kept", "closed"])
def test_what_comes_behind_an_answer_is_not_read_and_its_connection_not_used_again(surplus: bytes, more: bytes) -> None:
    said = OK + more + b"Content-Length: 2\r\n\r\n{}" + surplus
    assert read([said]) == (200, {**({"connection": "close"} if more else {}), "content-length": "2"}, b"{}", False)


@pytest.mark.parametrize("more", [b"", b"{}", b"2\r\n{}\r\n0\r\n\r\n"])
@pytest.mark.parametrize("head", [SIZED, CHUNKED, OK + b"\r\n", OK + b"Content-Length: 0\r\n\r\n"])
def test_an_answer_to_head_has_no_body_and_ends_its_connection(head: bytes, more: bytes) -> None:
    status, _, body, reusable = read([head + more], bodiless=True)
    assert (status, body, reusable) == (200, b"", False)


def test_headers_are_known_by_lower_case_and_those_that_are_repeated_are_joined() -> None:
    _, headers, _, _ = read([OK + b"X-A: 1\r\nx-a:\r\nX-B: \xe9 \r\nX-A:3\r\nX-C: \r\nContent-Length: 0\r\n\r\n"])
    assert headers == {"x-a": "1, , 3", "x-b": "\xe9 ", "x-c": "", "content-length": "0"}


@pytest.mark.parametrize("begun", ["on_message_begin", "on_headers_complete", "on_message_complete"])
def test_what_a_signals_receiver_raises_is_not_taken_for_a_broken_answer(
    begun: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_: Answer) -> None:
        raise SystemExit

    monkeypatch.setattr(Answer, begun, interrupted)
    answer, reusable = heard([SIZED + b"{}"])
    with pytest.raises(SystemExit):
        read_on(answer)
    answer.close()
    assert reusable == [False]


def test_headers_of_a_body_that_broke_off_are_known() -> None:
    answer, _ = heard([SIZED + b"{"])
    with pytest.raises(EOFError):
        read_on(answer)
    assert (answer.status, answer.headers) == (200, {"content-length": "2"})


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (OK, b"X: y\r\n"),
        (OK + b"X: ", b"y"),
        (b"HTTP/1.1 200 ", b"y"),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (CHUNKED + b"0\r\n", b"X: y\r\n"),
        (CHUNKED + b"0\r\nX: ", b"y"),
        (CHUNKED + b"1;x=", b"y"),
    ],
    ids=["headers", "one header", "reason", "interim ones", "trailers", "one trailer", "extension of a chunk"],
)
def test_what_brings_nothing_of_a_body_has_a_limit(start: bytes, piece: bytes) -> None:
    endless = start + piece * (8 * LONG // len(piece))
    pieces = [endless[at : at + 16_384] for at in range(0, len(endless), 16_384)]
    broken(pieces, UnreadableError)


def test_a_long_body_in_small_chunks_is_read() -> None:
    said = CHUNKED + b"1\r\nx\r\n" * (2 * LONG) + b"0\r\n\r\n"
    _, _, body, reusable = read([said[at : at + 16_384] for at in range(0, len(said), 16_384)])
    assert (body, reusable) == (b"x" * (2 * LONG), True)
