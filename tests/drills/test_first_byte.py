"""What was right when an operation was claimed is asked again right before its first byte: by then seconds may have gone."""

import json
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from given.certificates import Authority
from given.deployment import Deployment
from given.peer import Line, Peer
from given.traffic import PAYMENT

from tasks.payments import take_payment

ACCOUNT = {"id": "acct_1", "object": "account"}
PAID = {"id": "pi_1", "object": "payment_intent", "status": "succeeded", "amount": 4200, "currency": "gbp"}


def stripe(line: Line) -> None:
    """The account and one payment, each on a connection of its own."""
    body = json.dumps(ACCOUNT if line.request().startswith(b"GET /v1/account") else PAID).encode()
    line.say(b"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n" % len(body) + body)


@pytest.mark.parametrize(
    ("handshake", "ends", "sends"),
    [
        (1.5, "deferred", [0, 1]),  # the lease would no longer outlast the call
        (0.6, "succeeded", [1]),  # it would, but the permit is too old: another one is asked for
    ],
    ids=["lease too short", "permit too old"],
)
def test_a_handshake_that_took_too_long_is_noticed_before_the_first_byte(
    deploy: Callable[..., Deployment], tmp_path: Path, handshake: float, ends: str, sends: list[int]
) -> None:
    authority = Authority(tmp_path)
    slow: list[float] = []

    def welcome(_: int) -> None:
        if slow:
            time.sleep(slow.pop())

    with Peer(stripe, authority.server(), welcome=welcome) as peer:
        deployment = deploy(
            {"LOCKGATE_STRIPE_BASE_URL": peer.url, "SSL_CERT_FILE": str(authority.file)},
            call__total="2s", call__connect="2s", call__read="2s", call__lease="3s",
        )  # fmt: skip
        deployment.worker()
        early = take_payment.delay(order_id="early", **PAYMENT)
        deployment.ends(early.id)  # from then on it is known whose account it is, and nobody asks
        before = len(peer.lines)
        slow.append(handshake)
        result = take_payment.delay(order_id="late", **PAYMENT)
        deployment.ends(result.id)
        late = peer.lines[before:]
    assert [len(line.requests) for line in late] == sends
    assert bool(late[0].heard) == (ends == "succeeded")
    with deployment.platform.ledger.connection() as connection:
        first = connection.execute(
            "SELECT outcome, code FROM lockgate.replies r JOIN lockgate.tickets t USING (operation_id) WHERE t.id = %s "
            "ORDER BY number LIMIT 1",
            [result.id],
        ).fetchone()
    assert first == (ends, "lease_short" if ends == "deferred" else None)
    assert deployment.row("failures", result.id) == 0
