"""What a peer may do on the wire, and that a call survives it: in time, in memory, and with the truth about the effect."""

import errno
import gzip
import socket
import threading
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
from given.deployment import eventually
from given.peer import OK, Line, Peer, answers, answers_always

from integrations import classify, connection
from integrations.connection import DeadlineSocket, NotSentError
from integrations.transport import Limits, Transport
from operations.outcome import Deferred, Effect, ErrorClass
from operations.request import Reply, Request, Silence

WRITE = Request("POST", "/v1/things", headers={"Content-Type": "application/json"}, body=b'{"amount": 4200}')
LIMITS = Limits(connect=0.5, read=0.5, total=1.5, max_body=100_000)
PATIENT = Limits(connect=20.0, read=20.0, total=20.0, max_body=100_000)
SECRET = "Bearer sk_live_never_shown"
MIB = 1024 * 1024


@pytest.fixture
def transport() -> Iterator[Transport]:
    made = Transport()
    yield made
    made.close()


def send(transport: Transport, url: str, request: Request = WRITE, **more: Any) -> Reply | Silence | Deferred:
    return transport.send(
        request, base_url=url, session=("acme", more.get("tenant", "default")), credentials={"Authorization": SECRET},
        limits=more.get("limits", LIMITS), guard=more.get("guard", lambda: None),
    )  # fmt: skip


def silence(said: Reply | Silence | Deferred) -> Silence:
    assert isinstance(said, Silence), said
    return said


def effect_of(said: Reply | Silence | Deferred) -> Effect:
    return classify.of_silence(silence(said), WRITE).effect


def for_ever(line: Line, start: bytes, piece: bytes, every: float = 0.05) -> None:
    """Say `start`, then the same piece until the other side has had enough."""
    line.request()
    line.say(start)
    while True:
        line.say(piece)
        time.sleep(every)


def test_headers_and_body_leave_in_one_write(transport: Transport, monkeypatch: pytest.MonkeyPatch) -> None:
    written: list[bytes] = []
    write = DeadlineSocket.sendall

    def counted(socket: DeadlineSocket, data: bytes) -> None:
        written.append(data)
        write(socket, data)

    monkeypatch.setattr(DeadlineSocket, "sendall", counted)
    with Peer(answers(OK)) as peer:
        assert isinstance(send(transport, peer.url), Reply)
    assert len(written) == 1
    assert written[0].endswith(b"\r\n\r\n" + WRITE.body)


# ---- time: the total deadline ----


@pytest.mark.parametrize(
    ("start", "piece"),
    [
        (b"HTTP/1.1 200 ", b"O"),
        (b"HTTP/1.1 200 OK\r\n", b"x"),
        (b"HTTP/1.1 200 OK\r\n", b"X-More: 1\r\n"[:1]),
        (b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n", b"{"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1\r\n{\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", b"X-Trailer: 1\r\n"),
    ],
    ids=["status line", "header", "header bytes", "100 Continue", "body", "chunks", "trailers"],
)
def test_a_peer_that_drips_for_ever_ends_with_the_total_deadline(
    transport: Transport, start: bytes, piece: bytes
) -> None:
    with Peer(lambda line: for_ever(line, start, piece)) as peer:
        said = silence(send(transport, peer.url))
    assert (said.code, said.sent, said.down) == ("total_timeout", True, True)
    assert said.elapsed < 4 * LIMITS.total  # the peer would have gone on for ever
    assert effect_of(said) is Effect.UNKNOWN


def test_a_peer_that_says_nothing_ends_with_the_read_limit(transport: Transport) -> None:
    def behave(line: Line) -> None:
        line.request()
        line.request()  # which never comes: it waits until the other side goes

    with Peer(behave) as peer:
        said = silence(send(transport, peer.url))
    assert (said.code, said.sent) == ("read_timeout", True)
    assert effect_of(said) is Effect.UNKNOWN


def test_a_handshake_that_drips_ends_before_a_byte_of_ours(transport: Transport) -> None:
    def behave(line: Line) -> None:
        line.heard += line.socket.recv(10_000)  # the hello, which is no secret
        line.say(b"\x16\x03\x03\x40\x00")
        while True:
            line.say(b"\x00")
            time.sleep(0.05)

    with Peer(behave) as peer:
        said = silence(send(transport, peer.url.replace("http:", "https:")))
        assert b"sk_live" not in peer.heard
    assert (said.code, said.sent) == ("tls", False)
    assert said.elapsed < 4 * LIMITS.total
    assert effect_of(said) is Effect.NONE


def test_a_peer_that_does_not_read_ends_with_the_deadline(transport: Transport) -> None:
    large, over = Request("POST", "/v1/things", body=bytes(64 * MIB)), threading.Event()

    def behave(_: Line) -> None:
        over.wait(30)

    with Peer(behave) as peer:
        said = silence(send(transport, peer.url, large))
        over.set()
    assert said.sent
    assert effect_of(said) is Effect.UNKNOWN
    assert said.elapsed < 4 * LIMITS.total


def test_a_full_backlog_is_a_connection_that_was_never_made(transport: Transport) -> None:
    with socket.socket() as full:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        taken = [socket.socket() for _ in range(3)]
        for one in taken:
            one.setblocking(False)
            one.connect_ex(full.getsockname())
        said = silence(send(transport, f"http://127.0.0.1:{full.getsockname()[1]}"))
        for one in taken:
            one.close()
    assert (said.code, said.sent, said.down) == ("connect_timeout", False, True)
    assert effect_of(said) is Effect.NONE


# ---- no connection ----


def test_a_closed_port_is_a_refusal_without_effect(transport: Transport) -> None:
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        said = silence(send(transport, f"http://127.0.0.1:{held.getsockname()[1]}"))
    assert (said.code, said.sent, said.down) == ("connect_refused", False, True)


def test_a_name_that_cannot_be_looked_up_says_nothing_of_the_provider(transport: Transport) -> None:
    said = silence(send(transport, "https://api.provider.invalid"))
    failed = classify.of_silence(said, WRITE)
    assert (failed.error_class, failed.effect, failed.code, failed.down) == (
        ErrorClass.TRANSIENT, Effect.NONE, "dns", False,
    )  # fmt: skip


def test_a_name_server_that_hangs_ends_with_the_connect_limit(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    hanging = threading.Event()
    monkeypatch.setattr("integrations.connection.socket.getaddrinfo", lambda *_: hanging.wait(30) and [])
    said = silence(send(transport, "https://api.provider.test"))
    hanging.set()
    assert (said.code, said.sent, said.down) == ("dns", False, False)
    assert said.elapsed < 4 * LIMITS.total


# ---- size ----


def chunked_for_ever(line: Line) -> None:
    line.request()
    line.say(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while True:
        line.say(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")


def bomb(line: Line) -> None:
    """128 MiB of nothing, packed a thousand times smaller; for ever, if anybody listens."""
    packer, zeros = zlib.compressobj(9, zlib.DEFLATED, 31), bytes(MIB)
    line.request()
    line.say(b"HTTP/1.1 200 OK\r\nContent-Encoding: gzip\r\nConnection: close\r\n\r\n")
    for _ in range(128):
        line.say(packer.compress(zeros))
    line.say(packer.flush())


def headers_for_ever(line: Line) -> None:
    line.request()
    line.say(b"HTTP/1.1 200 OK\r\n")
    while True:
        line.say(b"".join(b"X-%d: %s\r\n" % (number, b"y" * 500) for number in range(200)))


def interim_body_for_ever(line: Line) -> None:
    line.request()
    line.say(b"HTTP/1.1 104 Odd\r\nContent-Length: 1000000000000\r\n\r\n")
    while True:
        line.say(bytes(MIB))


@pytest.mark.parametrize(
    ("behave", "code"),
    [
        (chunked_for_ever, "too_large"),
        (bomb, "too_large"),
        (headers_for_ever, "unreadable"),
        (interim_body_for_ever, "unreadable"),
    ],
    ids=["endless body", "gzip bomb", "endless headers", "endless interim body"],
)
def test_a_flood_is_cut_off_at_the_cap_and_takes_no_memory(transport: Transport, behave: Any, code: str) -> None:
    with Peer(behave) as peer:
        silence(send(transport, peer.url))  # whatever is made once is made now
        tracemalloc.start()
        began, _ = tracemalloc.get_traced_memory()
        said = silence(send(transport, peer.url, limits=Limits(5, 5, 20, 1 * MIB)))
        _, most = tracemalloc.get_traced_memory()
        tracemalloc.stop()
    assert (said.code, said.sent) == (code, True)
    assert most - began < 16 * MIB  # the peer's own share included: it runs in this process
    assert effect_of(said) is Effect.UNKNOWN


# ---- answers that end too soon ----

WHOLE = b'{"id": "pi_1", "object": "payment_intent", "status": "succeeded"}'
HEAD = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\n"


def sized(body: bytes, more: bytes = b"", length: int | None = None) -> bytes:
    return HEAD + more + b"Content-Length: %d\r\n\r\n" % (len(body) if length is None else length) + body


@pytest.mark.parametrize(
    "said",
    [
        sized(WHOLE[:20], length=len(WHOLE)),
        HEAD + b"Transfer-Encoding: chunked\r\n\r\n40\r\n" + WHOLE[:20],
        sized(b"\x1f\x8b\x08\x00" + WHOLE, b"Content-Encoding: gzip\r\n"),
        sized(gzip.compress(WHOLE)[:-12], b"Content-Encoding: gzip\r\n"),
        sized(gzip.compress(WHOLE) + b"x", b"Content-Encoding: gzip\r\n"),
        sized(gzip.compress(b"{}") + gzip.compress(WHOLE), b"Content-Encoding: gzip\r\n"),
        sized(WHOLE, b"Content-Encoding: br\r\n"),
        HEAD[:10],
        b"",
    ],
    ids=[
        "length", "chunk", "no gzip", "gzip without end", "more behind gzip", "gzip twice", "brotli", "half a status line",
        "nothing",
    ],
)  # fmt: skip
def test_an_answer_that_breaks_off_or_goes_on_leaves_the_effect_unknown(transport: Transport, said: bytes) -> None:
    with Peer(answers(said)) as peer:
        heard = send(transport, peer.url)
        assert len(peer.lines) == 1  # nobody tried again
    assert silence(heard).sent
    assert effect_of(heard) is Effect.UNKNOWN


@pytest.mark.parametrize("length", [40, len(HEAD)])
def test_half_a_head_is_no_answer_whatever_status_it_began_with(transport: Transport, length: int) -> None:
    with Peer(answers(HEAD[:length])) as peer:
        said = silence(send(transport, peer.url))
    assert (said.code, said.sent, said.down, said.heard) == ("connection_lost", True, True, None)
    assert effect_of(said) is Effect.UNKNOWN


@pytest.mark.parametrize("said", [sized(WHOLE[:20], length=len(WHOLE)), sized(WHOLE, b"Content-Encoding: br\r\n")])
def test_of_an_answer_that_breaks_off_the_head_is_known(transport: Transport, said: bytes) -> None:
    with Peer(answers(said)) as peer:
        heard = silence(send(transport, peer.url)).heard
    assert heard is not None
    assert (heard.status, heard.headers["content-type"]) == (200, "application/json")


def test_an_answer_without_a_length_ends_with_its_connection(transport: Transport) -> None:
    with Peer(answers(HEAD + b"\r\n" + WHOLE)) as peer:
        for _ in range(2):
            said = send(transport, peer.url)
            assert isinstance(said, Reply)
            assert said.body == WHOLE
        assert len(peer.lines) == 2


def test_another_protocol_is_unreadable_at_once(transport: Transport) -> None:
    with Peer(lambda line: for_ever(line, b"SSH-2.0-OpenSSH_9\r\n", b"x")) as peer:
        said = silence(send(transport, peer.url))
    assert (said.code, said.sent, said.down) == ("unreadable", True, False)
    assert said.elapsed < LIMITS.total


def test_an_answer_that_comes_before_the_request_is_read_is_heard(transport: Transport) -> None:
    def behave(line: Line) -> None:
        line.socket.recv(1000)
        line.say(b"HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\n{}")
        line.reset()

    with Peer(behave) as peer:
        said = send(transport, peer.url, Request("POST", "/v1/things", body=bytes(16 * MIB)))
    assert isinstance(said, Reply)
    assert said.status == 413


def test_a_success_that_comes_before_the_request_was_read_is_a_doubt(transport: Transport) -> None:
    def behave(line: Line) -> None:
        line.socket.recv(1000)
        line.say(OK)
        line.reset()

    with Peer(behave) as peer:
        said = silence(send(transport, peer.url, Request("POST", "/v1/things", body=bytes(16 * MIB))))
    assert (said.code, said.sent) == ("connection_lost", True)
    assert effect_of(said) is Effect.UNKNOWN


def test_a_path_does_not_change_the_host(transport: Transport) -> None:
    with Peer(answers_always()) as elsewhere, Peer(answers_always()) as peer:
        assert isinstance(send(transport, peer.url, Request("GET", f"@127.0.0.1:{elsewhere.port}/")), Reply)
        assert elsewhere.lines == []


def test_an_answer_that_was_packed_is_read(transport: Transport) -> None:
    with Peer(answers(sized(gzip.compress(WHOLE), b"Content-Encoding: gzip\r\n"))) as peer:
        said = send(transport, peer.url)
    assert isinstance(said, Reply)
    assert said.body == WHOLE


def test_a_reset_in_the_middle_leaves_the_effect_unknown(transport: Transport) -> None:
    def behave(line: Line) -> None:
        line.request()
        line.say(sized(WHOLE[:20], length=len(WHOLE)))
        line.reset()

    with Peer(behave) as peer:
        said = silence(send(transport, peer.url))
    assert (said.code, said.sent, said.down) == ("connection_lost", True, True)
    assert said.heard is None or said.heard.status == 200
    assert effect_of(said) is Effect.UNKNOWN


# ---- kept connections ----


def test_a_kept_connection_that_closes_as_it_is_used_again_is_a_doubt_and_not_a_second_try(
    transport: Transport,
) -> None:
    def behave(line: Line) -> None:
        line.request()
        line.say(OK)
        line.request()  # the next one has arrived, and is given no answer

    with Peer(behave) as peer:
        assert isinstance(send(transport, peer.url), Reply)
        said = silence(send(transport, peer.url))
        assert len(peer.lines) == 1
        assert len(peer.lines[0].requests) == 2
    assert (said.code, said.sent) == ("connection_lost", True)
    assert effect_of(said) is Effect.UNKNOWN


def test_a_connection_that_was_closed_while_it_was_idle_is_replaced(transport: Transport) -> None:
    with Peer(answers(OK)) as peer:
        assert isinstance(send(transport, peer.url), Reply)
        peer._threads[1].join()  # the peer has closed
        assert isinstance(send(transport, peer.url), Reply)
        assert [len(line.requests) for line in peer.lines] == [1, 1]


def test_as_many_connections_are_kept_as_calls_are_made_at_once(transport: Transport) -> None:
    at_once = 40  # a worker with more threads than requests' own pools have places
    together = threading.Barrier(at_once)

    def behave(line: Line) -> None:
        while line.request():
            together.wait()  # all are being served at once
            line.say(OK)

    patient = Limits(connect=10, read=10, total=20, max_body=100)
    with Peer(behave) as peer, ThreadPoolExecutor(at_once) as callers:
        for _ in range(3):
            said = list(callers.map(lambda _: send(transport, peer.url, limits=patient), range(at_once)))
            assert all(isinstance(one, Reply) for one in said)
        assert len(peer.lines) == at_once


def test_tenants_share_no_connection(transport: Transport) -> None:
    with Peer(answers_always()) as peer:
        for tenant in ("acme", "globex", "acme"):
            transport.send(
                WRITE, base_url=peer.url, session=("stripe", tenant), credentials={"Authorization": f"Bearer {tenant}"},
                limits=LIMITS, guard=lambda: None,
            )  # fmt: skip
        assert [[b"globex" in request for request in line.requests] for line in peer.lines] == [[False, False], [True]]


# ---- the check before the first byte ----


def test_the_guard_is_asked_once_connected_and_before_the_first_byte(transport: Transport) -> None:
    seen: list[tuple[int, bytes]] = []
    with Peer(answers_always()) as peer:

        def guard() -> None:
            while len(peer.lines) < 1:
                time.sleep(0.001)
            seen.append((len(peer.lines), peer.heard))

        for _ in range(2):
            assert isinstance(send(transport, peer.url, guard=guard), Reply)
        first = len(peer.lines[0].requests[0])
    assert [(lines, len(heard)) for lines, heard in seen] == [(1, 0), (1, first)]


@pytest.mark.parametrize("before", [0, 1], ids=["new connection", "kept connection"])
def test_what_the_guard_forbids_does_not_leave(transport: Transport, before: int) -> None:
    def guard() -> None:
        raise NotSentError("lease_short", 2.0)

    with Peer(answers_always()) as peer:
        for _ in range(before):
            send(transport, peer.url, Request("GET", "/first"))
        assert send(transport, peer.url, guard=guard) == Deferred("lease_short", 2.0)
        assert isinstance(send(transport, peer.url, Request("GET", "/last")), Reply)
        assert b"POST" not in peer.heard
        assert b"/last" in peer.heard


# ---- what leaves, and where to ----


def test_the_same_request_is_the_same_bytes_every_time(transport: Transport) -> None:
    with Peer(answers_always()) as peer:
        for _ in range(3):
            send(transport, peer.url)
        sent = peer.lines[0].requests
    assert len(sent) == 3
    assert len(set(sent)) == 1
    assert sent[0].endswith(b"\r\n\r\n" + WRITE.body)


def test_a_redirect_is_not_followed_and_no_credential_leaves(transport: Transport) -> None:
    with Peer(answers_always()) as elsewhere:
        moved = f"HTTP/1.1 307 Moved\r\nLocation: {elsewhere.url}/steal\r\nContent-Length: 0\r\n\r\n".encode()
        with Peer(answers_always(moved)) as peer:
            said = send(transport, peer.url)
            assert len(peer.lines[0].requests) == 1
        assert elsewhere.lines == []
    assert isinstance(said, Reply)
    failed = classify.of_reply(said, classify.Profile())
    assert (failed.error_class, failed.effect) == (ErrorClass.CLIENT, Effect.NONE)


def test_neither_proxies_nor_netrc_of_the_environment_are_heeded(
    transport: Transport, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    netrc = tmp_path / "netrc"
    netrc.write_text("machine 127.0.0.1 login somebody password else\n")
    monkeypatch.setenv("NETRC", str(netrc))
    with Peer(answers_always()) as proxy, Peer(answers_always()) as peer:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "HTTPS_PROXY"):
            monkeypatch.setenv(name, proxy.url)
        transport.send(
            WRITE, base_url=peer.url, session=("acme", "default"), credentials={}, limits=LIMITS, guard=lambda: None
        )
        assert proxy.lines == []
        assert b"authorization" not in peer.heard.lower()
        assert b"POST /v1/things HTTP/1.1" in peer.heard


def test_cookies_of_one_answer_do_not_go_into_the_next_request(transport: Transport) -> None:
    with Peer(answers_always(OK.replace(b"\r\n\r\n", b"\r\nSet-Cookie: session=1; Path=/\r\n\r\n"))) as peer:
        for _ in range(2):
            assert isinstance(send(transport, peer.url), Reply)
        assert b"cookie" not in peer.heard.lower()


def test_a_process_without_a_file_left_does_not_say_that_the_provider_is_down(
    transport: Transport, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none_left(*_: Any) -> socket.socket:
        raise OSError(errno.EMFILE, "Too many open files")

    monkeypatch.setattr(connection, "_connected", none_left)
    said = silence(send(transport, "http://127.0.0.1:9"))
    assert (said.code, said.sent, said.down) == ("too_many_files", False, False)


def test_of_many_tenants_the_connections_of_those_that_were_used_last_are_kept() -> None:
    transport = Transport(sessions=4)
    with Peer(answers_always()) as peer:
        for number in range(20):
            assert isinstance(send(transport, peer.url, tenant=f"t{number}"), Reply)
        eventually(lambda: sum(line.socket.fileno() >= 0 for line in peer.lines) == 4)
        for tenant, lines in (("t16", 20), ("t19", 20), ("t0", 21), ("t16", 21), ("t17", 22)):
            assert isinstance(send(transport, peer.url, tenant=tenant), Reply)
            assert len(peer.lines) == lines, tenant
        transport.close()


def test_a_call_ends_as_it_would_when_its_tenant_was_not_heard_of_for_long() -> None:
    transport, go_on = Transport(sessions=1), threading.Event()

    def behave(line: Line) -> None:
        while line.request():
            if b"slow" in line.heard:
                assert go_on.wait(20)
            line.say(OK)

    with Peer(behave) as peer, ThreadPoolExecutor(1) as other:
        slow = other.submit(send, transport, peer.url, Request("POST", "/slow", body=b"x"), limits=PATIENT)
        eventually(lambda: b"slow" in peer.heard)
        for number in range(3):
            assert isinstance(send(transport, peer.url, tenant=f"t{number}"), Reply)
        go_on.set()
        assert isinstance(slow.result(), Reply)
        eventually(lambda: sum(line.socket.fileno() >= 0 for line in peer.lines) == 1)
        transport.close()


def test_a_credential_that_would_break_the_head_does_not_leave(transport: Transport) -> None:
    with Peer(answers_always()) as peer:
        said = transport.send(
            WRITE, base_url=peer.url, session=("acme", "default"), credentials={"Authorization": "a\r\nX-Evil: 1"},
            limits=LIMITS, guard=lambda: None,
        )  # fmt: skip
        assert peer.heard == b""
    assert not silence(said).sent
