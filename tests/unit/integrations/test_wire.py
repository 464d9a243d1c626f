"""What leaves is what urllib3 would write, byte for byte; what could be read as something else does not leave."""

from typing import Any

import pytest
import requests
from requests.structures import CaseInsensitiveDict
from urllib3.connection import HTTPConnection

from integrations.origin import Origin
from integrations.transport import _trust
from integrations.wire import destination, written

ORIGIN = "http://127.0.0.1:8080"


def prepared(method: str, headers: dict[str, str], body: bytes = b"") -> requests.PreparedRequest:
    made = requests.PreparedRequest()
    made.method, made.headers, made.body = method, CaseInsensitiveDict(headers), body or None
    return made


class Written(HTTPConnection):
    """urllib3's connection, which writes into memory."""

    def connect(self) -> None:
        self.sock: Any = self
        self.bytes = b""

    def sendall(self, data: bytes) -> None:
        self.bytes += bytes(data)

    def close(self) -> None:
        """Nothing."""


OURS = {"User-Agent": "lockgate", "Accept-Encoding": "identity"}


@pytest.mark.parametrize("host", ["127.0.0.1", "api.example.com", "::1", "api.example.com."])
@pytest.mark.parametrize("port", [80, 8080])
@pytest.mark.parametrize(
    ("method", "target", "headers", "body"),
    [
        ("POST", "/v1/things", {"Content-Type": "application/json", "Content-Length": "7"}, b'{"a":1}'),
        ("GET", "/v1/things?a=b+c", {}, b""),
        ("DELETE", "/v1/things/1", {"Content-Length": "0"}, b""),
        ("PUT", "/", {"Content-Length": "0"}, b""),
        ("POST", "/", {"X-Odd": "\xe9 \xff\t z ", "x-empty": "", "Content-Length": "3"}, b"\x00\r\n"),
        ("GET", "/", {"Host": "other.example"}, b""),
        ("GET", "/", {"user-agent": "mine", "ACCEPT-ENCODING": "gzip"}, b""),
    ],
)
def test_the_bytes_are_those_of_http_client(
    host: str, port: int, method: str, target: str, headers: dict[str, str], body: bytes
) -> None:
    asked = prepared(method, {}, body)
    asked.headers = CaseInsensitiveDict([*OURS.items(), *headers.items()])
    theirs = Written(host, port)
    theirs.request(method, target, body or None, dict(asked.headers))
    named = f"[{host}]" if ":" in host else host
    assert written(asked, target, Origin(f"http://{named}:{port}", _trust(), 1).host) == theirs.bytes


@pytest.mark.parametrize(
    ("url", "host"),
    [
        ("http://api.example.com", "api.example.com"),
        ("http://api.example.com:443", "api.example.com:443"),
        ("https://api.example.com:443", "api.example.com"),
        ("https://API.example.com.:80", "api.example.com:80"),
        ("https://[2001:DB8::1]", "[2001:db8::1]"),
    ],
)
def test_the_host_is_named_without_a_port_that_goes_without_saying(url: str, host: str) -> None:
    assert Origin(url, _trust(), 1).host == host


@pytest.mark.parametrize(
    "url", ["ftp://api.example.com", "api.example.com", "https://", "http://who:what@api.example.com", "http://a:b"]
)
def test_what_is_no_place_is_refused(url: str) -> None:
    with pytest.raises(ValueError, match=r"no place|Failed to parse"):
        Origin(url, _trust(), 1)


@pytest.mark.parametrize(
    ("said", "target"),
    [
        ("", "/"),
        ("?x", "/?x"),
        ("/v1/things", "/v1/things"),
        ("/a?", "/a"),
        ("/a?b=c?d/e#f", "/a?b=c?d/e"),
        ("//twice//x", "//twice//x"),
        ("/a/../b/./c", "/a/../b/./c"),
        ("/%2f%3A?%c3", "/%2F%3A?%C3"),
        ("/a b/\xe4", "/a%20b/%C3%A4"),
        ("/100%/%20", "/100%25/%2520"),
        ("/\"<>[]{}|\\^`~!$&'()*+,;=:@", "/%22%3C%3E%5B%5D%7B%7D%7C%5C%5E%60~!$&'()*+,;=:@"),
    ],
)
def test_a_target_is_encoded_where_it_must_be(said: str, target: str) -> None:
    assert destination(ORIGIN + said) == (ORIGIN, target)


@pytest.mark.parametrize("character", ["\r", "\n", "\t", "\0", "\x7f"])
def test_a_target_with_a_control_character_does_not_leave(character: str) -> None:
    with pytest.raises(ValueError, match="control character"):
        destination(f"{ORIGIN}/a{character}b")


@pytest.mark.parametrize(
    ("method", "headers"),
    [
        ("GE T", {}), ("", {}), ("GET\r\n", {}), ("GET", {"": "x"}), ("GET", {"a b": "x"}), ("GET", {"a:": "x"}),
        ("GET", {"a\r\nb": "x"}), ("GET", {"a\n": "x"}), ("GET", {"a\nb": "x"}), ("GET\nX", {}), ("GET", {"\xe9": "x"}),
        ("GET", {"a": "x\r\nb: y"}), ("GET", {"a": "x\r"}), ("GET", {"a": "x\n y"}), ("GET", {"a": "x\0"}),
        ("GET", {"a": "\u20ac"}),
    ],
)  # fmt: skip
def test_what_could_be_read_as_something_else_does_not_leave(method: str, headers: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"token|end its line|latin-1"):
        written(prepared(method, headers), "/", "api.example.com")
