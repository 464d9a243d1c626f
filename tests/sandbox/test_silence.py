"""Faults in which the client gets no answer, as a client and as a socket see them."""

import ssl
from concurrent.futures import ThreadPoolExecutor

import pytest
import requests

from .running import NO_ANSWER, Box, all_bytes, raw_request, until

FORM = "amount=1099&currency=gbp&confirm=true&payment_method=pm_card_visa&metadata[lockgate_key]="


def _raw_pay(business: str) -> bytes:
    return raw_request("POST", "/v1/payment_intents", (FORM + business).encode())


@pytest.mark.parametrize(("fault", "effects"), [("F03", 0), ("F04", 1)])
def test_no_answer_ever_comes(box: Box, business: str, fault: str, effects: int) -> None:
    box.order("/faults", fault=fault, times=1, match={"business": business})
    with pytest.raises(requests.ReadTimeout):
        box.pay(business, timeout=NO_ANSWER)

    assert [answer["how"] for answer in until(lambda: _answers(box, business))] == ["hung"]
    assert len(box.effects(business)) == effects


@pytest.mark.parametrize(("variant", "effects"), [("before", 0), ("after", 1)])
def test_a_reset_comes_instead_of_an_answer(box: Box, business: str, variant: str, effects: int) -> None:
    box.order("/faults", fault="F05", variant=variant, times=1, match={"business": business})
    with box.connect("stripe") as sock:
        sock.sendall(_raw_pay(business))
        with pytest.raises(ConnectionResetError):
            all_bytes(sock)

    assert len(box.effects(business)) == effects


def test_a_reset_comes_in_the_middle_of_the_answer(box: Box, business: str) -> None:
    box.order("/faults", fault="F06", times=1, match={"business": business})
    with box.connect("stripe") as sock:
        sock.sendall(_raw_pay(business))
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 OK")
        with pytest.raises(ConnectionResetError):
            all_bytes(sock)

    assert len(box.effects(business)) == 1


@pytest.mark.parametrize(("variant", "effects"), [("before", 0), ("after", 1)])
def test_a_connection_that_is_used_again_is_closed_without_a_byte(
    box: Box, business: str, variant: str, effects: int
) -> None:
    box.order("/faults", fault="F07", variant=variant, times=1, match={"business": business, "nth_attempt": 2})
    with box.connect("stripe") as sock:
        sock.sendall(_raw_pay(business))
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 OK")
        sock.sendall(_raw_pay(business))
        assert all_bytes(sock) == b""

    assert len(box.effects(business)) == 1 + effects


def test_a_connection_may_close_under_the_first_byte_of_its_next_request(box: Box, business: str) -> None:
    box.order("/faults", fault="F07", variant="next", times=1, match={"business": business})
    with box.connect("stripe") as sock:
        sock.sendall(_raw_pay(business))
        assert b"keep-alive" in sock.recv(65536)
        sock.sendall(_raw_pay(business))
        assert all_bytes(sock) == b""

    assert len(box.effects(business)) == 1


def test_the_port_refuses_for_a_while_and_is_then_itself_again(box: Box, business: str) -> None:
    box.order("/faults", fault="F01", times=1, match={"business": business}, params={"seconds": 1})
    with pytest.raises(requests.ConnectionError):
        box.pay(business)
    with pytest.raises(ConnectionRefusedError):
        until(lambda: box.connect("stripe").close())

    assert box.plain("/me").status_code == 200, "the others are still there"
    until(lambda: box.ask("/outage") == [])
    until(lambda: _reachable(box))
    assert box.pay(business).status_code == 200
    assert len(box.effects(business)) == 1


def test_a_handshake_fails_by_fault_and_for_anyone_who_speaks_tls(box: Box, business: str) -> None:
    box.order("/faults", fault="F02", times=1, match={"business": business})
    with pytest.raises(requests.ConnectionError):
        box.pay(business)
    assert box.effects(business) == []
    context = ssl.create_default_context()
    with box.connect("stripe") as sock, pytest.raises(ssl.SSLError, match=r"(?i)handshake"):
        context.wrap_socket(sock, server_hostname="localhost")


def test_an_effect_may_come_after_the_client_has_gone(box: Box, business: str) -> None:
    box.order("/faults", fault="F23", times=1, match={"business": business}, params={"seconds": 1})
    with pytest.raises(requests.ReadTimeout):
        box.pay(business, key=business, timeout=NO_ANSWER)
    assert box.effects(business) == []
    assert box.pay(business, key=business).status_code == 409, "it is still being executed"

    until(lambda: box.effects(business))
    assert box.pay(business, key=business).headers["Idempotent-Replayed"] == "true"
    assert len(box.effects(business)) == 1


def test_what_is_no_http_is_refused(box: Box) -> None:
    with box.connect("stripe") as sock:
        sock.sendall(b"EHLO there\r\n\r\n")
        assert all_bytes(sock).startswith(b"HTTP/1.1 400 ")


def test_a_client_that_asks_first_is_told_to_go_on(box: Box, business: str) -> None:
    head, _, body = _raw_pay(business).partition(b"\r\n\r\n")
    with box.connect("stripe") as sock:
        sock.sendall(head + b"\r\nExpect: 100-continue\r\n\r\n")
        assert sock.recv(65536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        sock.sendall(body)
        assert sock.recv(65536).startswith(b"HTTP/1.1 200 OK")


def test_two_requests_in_one_packet_are_answered_in_turn(box: Box, business: str) -> None:
    with box.connect("stripe") as sock:
        closing = raw_request("GET", "/v1/account").replace(b"Host:", b"Connection: close\r\nHost:")
        sock.sendall(_raw_pay(business) + closing)
        answers = all_bytes(sock)

    assert answers.index(b"payment_intent") < answers.index(b'"object":"account"')


def test_an_answer_is_in_the_journal_exactly_once_for_each_request(box: Box, business: str) -> None:
    with ThreadPoolExecutor() as threads:
        for number in range(8):
            threads.submit(box.pay, f"{business}:{number}")
    requests_ = box.events("request", provider="stripe")
    answered = [answer["request"] for answer in until(lambda: _complete(box, len(requests_)))]
    assert sorted(answered) == [request["seq"] for request in requests_]


def _complete(box: Box, count: int) -> list[dict[str, int]]:
    answers = box.events("answer", provider="stripe")
    return answers if len(answers) == count else []


def _answers(box: Box, business: str) -> list[dict[str, str]]:
    numbers = [request["seq"] for request in box.events("request", business=business)]
    return [answer for answer in box.events("answer") if answer["request"] in numbers]


def _reachable(box: Box) -> bool:
    try:
        box.connect("stripe").close()
    except ConnectionRefusedError:
        return False
    return True
