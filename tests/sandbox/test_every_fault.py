"""Every fault, in every variant and form, on every provider."""

import contextlib
from collections.abc import Callable
from typing import Any

import pytest
import requests

from .running import PATIENCE, Box, until

BRIEF: dict[str, dict[str, Any]] = {
    "F01": {"seconds": 0.01},
    "F03": {"seconds": 0.01},
    "F04": {"seconds": 0.01},
    "F12": {"seconds": 0.01},
    "F16": {"bytes": 1000, "lines": 10},
    "F17": {"seconds": 0},
    "F23": {"seconds": 0.01, "patience": 0.01},
    "F26": {"seconds": 0.01, "latency": 0.01},
}
CALLS: dict[tuple[str, str], Callable[[Box, str], requests.Response]] = {
    ("stripe", "POST"): lambda box, business: box.pay(business, key=business, timeout=0.2),
    ("stripe", "GET"): lambda box, _: box.stripe("/v1/payment_intents", timeout=0.2),
    ("postmark", "POST"): lambda box, business: box.mail(business),
    ("plain", "POST"): lambda box, business: box.plain("/things", {"reference": business}, timeout=0.2),
}
HANGING = ("F26", "hang")  # until the client has had enough


@pytest.mark.parametrize(("provider", "method"), list(CALLS))
def test_every_fault_leaves_the_sandbox_whole(box: Box, business: str, provider: str, method: str) -> None:
    call, played = CALLS[provider, method], 0
    for row in box.ask("/faults/catalogue"):
        ways = [(variant, form) for variant in row["variants"] for form in row["forms"] or [None]]
        for variant, form in ways if method in row["methods"] else []:
            if provider == "stripe" or (row["fault"], form) != HANGING:
                order = {"fault": row["fault"], "variant": variant, "form": form, "params": BRIEF.get(row["fault"])}
                rule = box.order("/faults", times=1, match={"provider": provider, "method": method}, **order)
                played += _played(box, rule["id"], lambda way=f"{business}:{variant}:{form}": call(box, way))

    assert played > 60
    asked = {request["seq"] for request in box.events("request", provider=provider)}
    until(lambda: asked <= {answer["request"] for answer in box.events("answer", provider=provider)})
    assert box.complaints.read_text() == ""


def _played(box: Box, rule: str, call: Callable[[], requests.Response]) -> int:
    """Call until the rule has been met: an outage of the fault before may still be on."""

    def met() -> bool:
        with contextlib.suppress(requests.RequestException):
            call()
        return bool(box.events("request", rule=rule))

    until(met, within=3 * PATIENCE)  # a call that meets the outage of before may hang for as long as one is waited for
    return 1
