"""Which request meets a fault: rules, plans, outages and limits."""

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest
import requests

from .running import NO_ANSWER, ROOT, Box, until

CATALOGUE = [f"F{number:02}" for number in range(1, 27)]
EVERY = [fault for fault in CATALOGUE if fault not in {"F01", "F12", "F26"}]  # those meet others too


def test_a_rule_meets_only_what_it_matches_and_only_so_often(box: Box, business: str) -> None:
    match = {"provider": "stripe", "method": "POST", "path_prefix": "/v1/payment", "business": business}
    rule = box.order("/faults", fault="F10", match=match | {"nth_attempt": 2}, times=1)
    codes = [box.pay(business).status_code for _ in range(3)]

    assert codes == [200, 502, 200]
    assert box.pay(f"{business}:2").status_code == 200
    assert box.ask("/faults")[0]["hits"] == 1
    assert [event["fault"] for event in box.events("request", business=business)] == [None, "F10", None]
    assert box.events("request", rule=rule["id"])[0]["attempt"] == 2


def test_a_rule_can_be_taken_back(box: Box, business: str) -> None:
    one, two = (box.order("/faults", fault=fault, match={"business": business})["id"] for fault in ("F10", "F21"))
    assert box.pay(business).status_code == 502
    box.order(f"/faults/{one}", "DELETE")
    assert box.pay(business).status_code == 400
    box.order(f"/faults/{two}", "DELETE")
    assert box.pay(business).status_code == 200


def test_a_rule_with_a_probability_meets_about_that_share(box: Box, business: str) -> None:
    box.order("/faults", fault="F21", probability=0.5, match={"path_prefix": "/pings"})
    pings = [box.plain("/pings", {"to": "x", "lockgate_key": f"{business}:{n}"}).status_code for n in range(60)]

    assert 12 <= pings.count(422) <= 48


def test_reads_of_a_list_are_drawn_for_one_by_one(box: Box) -> None:
    """They name no subject: one draw for all of them would refuse them for ever, or never."""
    rule = box.order("/faults", fault="F24", form="fail", probability=0.5, match={"path_prefix": "/v1/customers"})
    read = [box.stripe("/v1/customers").status_code for _ in range(60)]
    box.order(f"/faults/{rule['id']}", "DELETE")

    assert 12 <= read.count(500) <= 48


@pytest.mark.parametrize(
    ("path", "order", "word"),
    [
        ("/faults", {"fault": "F99"}, "F99"),
        ("/faults", {"fault": "F04", "variant": "before"}, "variant"),
        ("/faults", {"fault": "F11", "form": "sideways"}, "sideways"),
        ("/faults", {"fault": "F11", "params": {"colour": 1}}, "colour"),
        ("/faults", {"fault": "F03", "params": {"seconds": "3"}}, "seconds"),
        ("/faults", {"fault": "F03", "match": {"colour": 1}}, "colour"),
        ("/plan", {"seed": 1, "share": 0.5}, "faults"),
        ("/plan", {"seed": 1, "share": 0.5, "faults": ["F99"]}, "F99"),
        ("/outage", {"provider": "stripe", "mode": "gone"}, "gone"),
        ("/outage", {"provider": "nobody", "mode": "hang"}, "nobody"),
        ("/limits", {"provider": "stripe"}, "calls"),
        ("/limits", {"provider": "stripe", "calls": 0}, "calls"),
        ("/config", {"colour": 1}, "colour"),
        ("/tenants", {"provider": "stripe"}, "token"),
    ],
)
def test_an_order_that_is_not_understood_is_refused(box: Box, path: str, order: dict[str, Any], word: str) -> None:
    before = box.ask("/health")["seq"]
    answer = requests.post(box.urls["control"] + path, json=order, timeout=5)

    assert answer.status_code == 400
    assert word in answer.json()["error"]
    assert box.ask("/health")["seq"] == before


def test_the_catalogue_is_complete_and_the_readme_prints_it(box: Box) -> None:
    rows = box.ask("/faults/catalogue")
    table = [
        f"| {row['fault']} | {row['sentence']} | {', '.join(row['variants'])} | {', '.join(row['forms'])} "
        f"| {', '.join(row['params'])} |"
        for row in rows
    ]

    assert [row["fault"] for row in rows] == CATALOGUE
    assert "\n".join(table) in (ROOT / "sandbox" / "README.md").read_text()


def test_a_plan_is_the_same_whatever_the_timing(box: Box, business: str) -> None:
    plan = {"seed": 42, "share": 0.5, "faults": EVERY, "first_attempts": 2}
    box.order("/plan", **plan)
    keys = [f"{business}:{number}" for number in range(40)]
    foretold = [box.ask("/plan", business=key, attempts=3) for key in keys]
    box.order("/plan", **plan | {"seed": 43})
    assert foretold != [box.ask("/plan", business=key, attempts=3) for key in keys]
    box.order("/plan", **plan)

    assert foretold == [box.ask("/plan", business=key, attempts=3) for key in reversed(keys)][::-1]
    assert all(third is None for _, _, third in foretold)
    hits = [lie for lies in foretold for lie in lies if lie]
    assert 20 <= len(hits) <= 60
    assert len({lie["fault"] for lie in hits}) > 10


def test_a_planned_fault_is_the_one_that_was_foretold(box: Box, business: str) -> None:
    box.order("/plan", seed=7, share=0.6, faults=["F10", "F19", "F21"], first_attempts=2)
    keys = [f"{business}:{number}" for number in range(12)]
    with ThreadPoolExecutor(4) as threads:
        for key in [*keys, *keys, *keys]:
            threads.submit(box.plain, "/things", {"reference": key})

    for key in keys:
        foretold = [lie and lie["fault"] for lie in box.ask("/plan", business=key, attempts=3, provider="plain")]
        met = sorted((event["attempt"], event["fault"]) for event in box.events("request", business=key))
        assert met == list(enumerate(foretold, start=1))
        assert len(box.effects(key)) <= 1


@pytest.mark.parametrize(
    ("mode", "broken"),
    [
        ("refuse", requests.ConnectionError),
        ("reset", requests.ConnectionError),
        ("hang", requests.ReadTimeout),
        ("slow", requests.ReadTimeout),
    ],
)
def test_an_outage_meets_everyone_until_it_is_lifted(
    box: Box, business: str, mode: str, broken: type[Exception]
) -> None:
    outage = box.order("/outage", provider="plain", mode=mode)
    with pytest.raises(broken):
        box.plain("/things", {"reference": business}, timeout=NO_ANSWER)
    assert box.stripe("/v1/account").status_code == 200
    box.order(f"/outage/{outage['id']}", "DELETE")

    port = box.urls["plain"]
    assert box.plain("/me").status_code == 200
    assert box.urls["plain"] == port
    assert box.effects(business) == []


def test_a_refusing_provider_drops_the_connections_that_it_has(box: Box) -> None:
    with requests.Session() as session:
        assert box.plain("/me", session=session).status_code == 200
        box.order("/outage", provider="plain", mode="refuse")
        with pytest.raises(requests.ConnectionError):
            box.plain("/me", session=session)


@pytest.mark.parametrize("mode", ["503", "refuse"])
def test_an_outage_may_be_one_tenants_own(box: Box, mode: str) -> None:
    tenant = box.order("/tenants", provider="plain", token="unlucky")["tenant"]
    box.order("/outage", provider="plain", mode=mode, tenant=tenant)

    assert box.plain("/me").status_code == 200
    if mode == "503":
        assert box.plain("/me", token="unlucky").status_code == 503
    else:
        with pytest.raises(requests.ConnectionError):
            box.plain("/me", token="unlucky")


def test_an_outage_ends_by_itself_and_may_flap(box: Box) -> None:
    box.order("/outage", provider="plain", mode="503", seconds=0.2)
    until(lambda: box.plain("/me").status_code == 200)
    assert box.ask("/outage") == []

    box.order("/outage", provider="plain", mode="503", flap=0.1)
    for expected in (503, 200, 503, 200):
        until(lambda expected=expected: box.plain("/me").status_code == expected)


def test_a_limit_is_an_exact_sliding_window(box: Box, business: str) -> None:
    box.order("/limits", provider="stripe", scope="tenant", calls=5, per=0.5)
    token = f"sk_{business}"
    with requests.Session() as session:
        codes = [box.stripe("/v1/account", token=token, session=session).status_code for _ in range(300)]
    tenant = box.order("/tenants", provider="stripe", token=token)["tenant"]

    calls = box.events("request", tenant=tenant)
    admitted = [event["mono"] for event in calls if not event.get("limited")]
    assert codes.count(200) == len(admitted)
    assert codes.count(429) == box.ask("/rates", tenant=tenant)["stripe"]["tenants"][tenant]["limited"] > 0
    assert all(later - first >= 0.5 for first, later in zip(admitted, admitted[5:], strict=False))
    limited = box.events("answer", limited=True)
    assert {answer["request"] for answer in limited} >= {event["seq"] for event in calls if event.get("limited")}


def test_a_429_speaks_as_the_provider_does(box: Box, business: str) -> None:
    for provider in ("stripe", "postmark", "plain"):
        box.order("/limits", provider=provider, scope="tenant", calls=1, per=3600)
    token = f"token-{business}"
    stripe = [box.stripe("/v1/account", token=token) for _ in range(2)][1]
    postmark = [box.postmark("/server", token=token) for _ in range(2)][1]
    plain = [box.plain("/me", token=token) for _ in range(2)][1]

    assert [answer.status_code for answer in (stripe, postmark, plain)] == [429, 429, 429]
    assert stripe.headers["Stripe-Rate-Limited-Reason"] == "endpoint-rate"
    assert ["Retry-After" in answer.headers for answer in (stripe, postmark, plain)] == [False, False, True]
    assert 3000 < int(plain.headers["Retry-After"]) <= 3601


def test_too_many_at_once_are_refused(box: Box, business: str) -> None:
    box.order("/limits", provider="plain", scope="tenant", concurrent=2)
    box.order("/config", latency=0.3)
    with ThreadPoolExecutor(6) as threads:
        codes = list(threads.map(lambda _: box.plain("/me", token=f"t-{business}").status_code, range(6)))

    assert sorted(set(codes)) == [200, 429]
    tenant = box.order("/tenants", provider="plain", token=f"t-{business}")["tenant"]
    assert box.ask("/rates", tenant=tenant)["plain"]["tenants"][tenant]["max_concurrent"] > 2


def test_rates_are_by_the_sandboxs_own_clock(box: Box, business: str) -> None:
    token = f"sk_{business}"
    for _ in range(6):
        box.stripe("/v1/account", token=token)
    tenant = box.order("/tenants", provider="stripe", token=token)["tenant"]
    times = [event["mono"] for event in box.events("request", tenant=tenant)]

    def most(window: float) -> int:
        return int(
            box.ask("/rates", provider="stripe", window=window, tenant=tenant)["stripe"]["tenants"][tenant]["max_calls"]
        )

    assert (most(3600), most(1e-9)) == (6, 1)
    assert most(times[2] - times[0] + 1e-6) >= 3


def test_the_journal_can_be_read_in_pages(box: Box, business: str) -> None:
    before = box.ask("/health")["seq"]
    box.pay(business)
    page = box.ask("/journal", after=before, limit=2)
    rest = box.ask("/journal", after=page["events"][-1]["seq"])

    assert [event["seq"] for event in page["events"]] == [before + 1, before + 2]
    assert [event["event"] for event in page["events"] + rest["events"]] == ["request", "object", "effect", "answer"]
    assert page["events"][0]["body_sha256"]
    assert rest["last"] == rest["events"][-1]["seq"]
    assert _lines(box.journal)[before : before + 4] == page["events"] + rest["events"]


def test_a_reset_forgets_orders_and_keeps_the_journal(box: Box, business: str) -> None:
    box.order("/faults", fault="F10")
    box.order("/plan", seed=1, share=1, faults=["F10"])
    box.order("/outage", provider="stripe", mode="503")
    box.order("/limits", provider="stripe", calls=1, per=3600)
    box.order("/reset")

    assert [box.ask(path) for path in ("/faults", "/plan", "/outage", "/limits")] == [[], None, [], []]
    assert box.pay(business).status_code == box.pay(business).status_code == 200
    assert requests.post(box.urls["control"] + "/nonsense", json={}, timeout=5).status_code == 404


def _lines(journal: Path) -> list[Any]:
    return [json.loads(line) for line in journal.read_text().splitlines()]
