"""What a sandbox knows that was killed and started again on the same journal."""

import json
import signal
import subprocess
import sys

import requests

from .running import PATIENCE, ROOT, Box, until


def _again(box: Box) -> None:
    box.end(signal.SIGKILL)
    box.start("--seed", "7")


def test_a_killed_sandbox_knows_all_that_it_did(own: Box, business: str) -> None:
    first = own.pay(business, key=business)
    held = own.pay(f"{business}:held", more={"capture_method": "manual"}).json()["id"]
    own.stripe(f"/v1/payment_intents/{held}/cancel", {"cancellation_reason": "duplicate"})
    own.stripe("/v1/refunds", {"payment_intent": first.json()["id"], "amount": "99"})
    own.mail(business)
    thing = own.plain("/things", {"reference": business}).json()
    own.order("/tenants", provider="stripe", token="sk_gone", revoked=True)
    paths = (f"/v1/payment_intents/{held}", "/v1/payment_intents", "/v1/refunds", "/v1/events")
    before = [own.stripe(path).json() for path in paths]
    effects, rates = own.ask("/effects"), own.ask("/rates", window=3600)

    _again(own)

    assert [own.stripe(path).json() for path in paths] == before
    assert own.ask("/effects") == effects
    again = own.pay(business, key=business)
    assert (again.content, again.headers["Idempotent-Replayed"]) == (first.content, "true")
    assert own.plain(f"/things/{business}").json() == thing
    assert own.postmark("/messages/outbound?count=1&offset=0").json()["TotalCount"] == 1
    assert own.stripe("/v1/account", token="sk_gone").status_code == 401
    assert own.ask("/rates", window=3600)["stripe"]["calls"] == rates["stripe"]["calls"] + 6
    assert own.pay(f"{business}:new").json()["id"] not in {row["reference"] for row in effects}
    assert own.events("request", business=business, provider="stripe")[-1]["attempt"] == 2


def test_orders_and_counters_outlive_a_kill(own: Box, business: str) -> None:
    own.order("/faults", fault="F10", times=2, match={"provider": "plain"})
    own.order("/outage", provider="postmark", mode="refuse")
    own.order("/limits", provider="stripe", calls=2, per=3600)
    own.order("/config", search_lag=5)
    codes = [own.plain("/me").status_code, own.stripe("/v1/account").status_code]

    _again(own)

    codes += [own.plain("/me").status_code, own.plain("/me").status_code]
    codes += [own.stripe("/v1/account").status_code, own.stripe("/v1/account").status_code]
    assert codes == [502, 200, 502, 200, 200, 429]
    assert own.ask("/config")["search_lag"] == 5
    try:
        own.mail(business)
    except requests.ConnectionError:
        own.order("/outage", "DELETE")
    assert own.mail(business).status_code == 200


def test_a_payment_goes_on_processing_over_a_kill(own: Box, business: str) -> None:
    own.order("/config", processing_delay=0.3)
    intent = own.pay(business, "pm_processing").json()["id"]
    _again(own)
    until(lambda: own.stripe(f"/v1/payment_intents/{intent}").json()["status"] == "succeeded")


def test_the_torn_end_of_a_journal_does_not_count(own: Box, business: str) -> None:
    own.pay(business, key=business)
    own.end(signal.SIGKILL)
    whole = own.journal.read_bytes()
    *earlier, effect, saved, answer = whole.splitlines(keepends=True)
    assert [json.loads(line)["event"] for line in (effect, saved, answer)] == ["effect", "saved", "answer"]

    # As if the kill had come in the middle of the one write that holds object, effect and saved answer.
    own.journal.write_bytes(b"".join(earlier) + effect + saved[:20])
    own.start("--seed", "7")

    assert own.effects(business) == []
    assert own.stripe("/v1/payment_intents").json()["data"] == []
    assert "Idempotent-Replayed" not in own.pay(business, key=business).headers
    assert [json.loads(line)["seq"] for line in own.journal.read_text().splitlines()] == list(
        range(1, own.ask("/health")["seq"] + 1)
    )


def test_a_second_sandbox_may_not_write_to_the_same_journal(own: Box) -> None:
    command = [sys.executable, "-m", "sandbox", "--journal", str(own.journal)]
    other = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False, timeout=PATIENCE)
    assert other.returncode != 0
    assert "BlockingIOError" in other.stderr
    assert own.ask("/health")["seq"] == 1


def test_a_signal_ends_it_cleanly_with_work_under_way(own: Box) -> None:
    own.order("/outage", provider="stripe", mode="hang")
    with own.connect("stripe") as sock:
        sock.sendall(b"GET /v1/account HTTP/1.1\r\nHost: x\r\n\r\n")
        until(lambda: own.events("request"))
        assert own.end() == 0
    own.start("--seed", "7")
