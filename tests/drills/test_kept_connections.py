"""Which connections carry another call: those whose last answer is whole and alone, the one that was used last first."""

import socket
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from given.deployment import eventually
from given.peer import OK, Line, Peer, answers_always

from integrations.connection import NotSentError
from integrations.transport import Limits, Transport
from operations.outcome import Deferred
from operations.request import Reply, Request, Silence

READ = Request("GET", "/v1/things")
LIMITS = Limits(connect=10.0, read=10.0, total=20.0, max_body=1000)


@pytest.fixture
def transport() -> Iterator[Transport]:
    made = Transport()
    yield made
    made.close()


def send(transport: Transport, url: str, request: Request = READ, **more: Any) -> Reply | Silence | Deferred:
    return transport.send(
        request, base_url=url, session=("acme", "default"), credentials={}, limits=LIMITS,
        guard=more.get("guard", lambda: None),
    )  # fmt: skip


def at_once(transport: Transport, peer: Peer, count: int, gate: threading.Barrier) -> None:
    """So many calls, each of which waits for the others: so many connections."""
    with ThreadPoolExecutor(count) as callers:
        said = list(callers.map(lambda _: send(transport, peer.url, Request("GET", "/together")), range(count)))
    assert all(isinstance(one, Reply) for one in said)
    assert not gate.broken


def together(gate: threading.Barrier) -> Any:
    def behave(line: Line) -> None:
        while asked := line.request():
            if b"together" in asked:
                gate.wait(10)
            line.say(OK)

    return behave


def is_open(line: Line) -> bool:
    return line.socket.fileno() >= 0


@pytest.mark.parametrize(
    "said",
    [
        OK + b"x",
        OK + OK,
        OK.replace(b"200 OK\r\n", b"200 OK\r\nConnection: close\r\n"),
        OK.replace(b"HTTP/1.1", b"HTTP/1.0"),
        b"HTTP/1.1 101 Switching Protocols\r\n\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 500000\r\n\r\n" + bytes(100_000),
        b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n{}",
    ],
    ids=["surplus", "two answers", "close", "HTTP/1.0", "101", "too large", "unreadable"],
)
def test_a_connection_whose_answer_is_not_whole_and_alone_is_closed(transport: Transport, said: bytes) -> None:
    with Peer(answers_always(said)) as peer:
        send(transport, peer.url)
        peer._threads[1].join(10)  # the peer has seen the end of it
        assert not peer._threads[1].is_alive()
        send(transport, peer.url)
        assert [len(line.requests) for line in peer.lines] == [1, 1]


def test_an_answer_to_head_is_not_followed_by_another_call_on_its_connection(transport: Transport) -> None:
    with Peer(answers_always(OK.removesuffix(b"{}"))) as peer:
        said = send(transport, peer.url, Request("HEAD", "/v1/things"))
        assert isinstance(said, Reply)
        assert (said.status, said.body) == (200, b"")
        send(transport, peer.url, Request("HEAD", "/v1/things"))
        assert [len(line.requests) for line in peer.lines] == [1, 1]


def test_a_connection_that_spoke_while_it_was_idle_is_not_used_again(transport: Transport) -> None:
    idle, spoken = threading.Event(), threading.Event()

    def behave(line: Line) -> None:
        if line.request():
            line.say(OK)
            assert idle.wait(10)
            line.say(OK.replace(b"200", b"500"))  # the answer to nothing, which must not become that of the next call
            spoken.set()
            line.request()

    with Peer(behave) as peer:
        assert isinstance(send(transport, peer.url), Reply)
        idle.set()
        assert spoken.wait(10)
        said = send(transport, peer.url)
        assert isinstance(said, Reply)
        assert said.status == 200
        assert len(peer.lines) == 2


@pytest.mark.parametrize("last", [OK.replace(b"200", b"500"), b""], ids=["speaks", "closes"])
def test_a_connection_that_speaks_or_closes_while_the_guard_waits_is_not_used(
    transport: Transport, last: bytes
) -> None:
    asked, gone = threading.Event(), threading.Event()

    def behave(line: Line) -> None:
        while line.request() and len(peer.lines) == 1:
            line.say(OK)
            assert asked.wait(10)
            if last:
                line.say(last)
            else:
                line.socket.shutdown(socket.SHUT_WR)
            gone.set()
        line.say(OK)

    def guard() -> None:
        asked.set()
        assert gone.wait(10)
        guards.append("asked")

    guards: list[str] = []
    with Peer(behave) as peer:
        assert isinstance(send(transport, peer.url), Reply)
        said = send(transport, peer.url, guard=guard)
        assert isinstance(said, Reply)
        assert said.status == 200
        assert len(guards) == 2  # it is asked again, for connecting takes its time as well
        assert [len(line.requests) for line in peer.lines] == [1, 1]


def test_the_connection_that_was_used_last_is_used_first(transport: Transport) -> None:
    gate = threading.Barrier(3)
    with Peer(together(gate)) as peer:
        at_once(transport, peer, 3, gate)
        for _ in range(5):
            assert isinstance(send(transport, peer.url), Reply)
        assert sorted(len(line.requests) for line in peer.lines) == [1, 1, 6]


def test_no_more_connections_are_kept_than_there_is_room_for() -> None:
    transport, gate = Transport(pool_size=2), threading.Barrier(5)
    with Peer(together(gate)) as peer:
        at_once(transport, peer, 5, gate)
        eventually(lambda: sum(is_open(line) for line in peer.lines) == 2)
        transport.close()
        eventually(lambda: not any(is_open(line) for line in peer.lines))


def test_a_call_under_way_when_the_transport_is_closed_ends_as_it_would_and_its_connection_with_it(
    transport: Transport,
) -> None:
    go_on = threading.Event()

    def behave(line: Line) -> None:
        while line.request():
            assert go_on.wait(10)
            line.say(OK)

    with Peer(behave) as peer, ThreadPoolExecutor(1) as other:
        slow = other.submit(send, transport, peer.url)
        eventually(lambda: peer.heard != b"")
        transport.close()
        go_on.set()
        assert isinstance(slow.result(), Reply)
        eventually(lambda: not is_open(peer.lines[0]))


def test_a_connection_on_which_nothing_left_is_kept(transport: Transport) -> None:
    def guard() -> None:
        raise NotSentError("lease_short", 2.0)

    with Peer(answers_always()) as peer:
        for _ in range(2):
            assert send(transport, peer.url, guard=guard) == Deferred("lease_short", 2.0)
        assert isinstance(send(transport, peer.url), Reply)
        assert len(peer.lines) == 1


def test_a_broken_guard_leaves_no_connection_behind(transport: Transport) -> None:
    def guard() -> None:
        raise RuntimeError("broken")

    with Peer(answers_always()) as peer:
        with pytest.raises(RuntimeError):
            send(transport, peer.url, guard=guard)
        eventually(lambda: peer.lines != [] and not is_open(peer.lines[0]))
