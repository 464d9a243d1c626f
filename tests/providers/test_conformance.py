"""Every kind of every adapter keeps to what `conformance` asks."""

import json
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from providers.conformance import (
    CHECKS,
    HEADERS,
    STATUSES,
    Case,
    hostile_answers_are_never_believed,
    hostile_findings_are_never_believed,
    mutated,
)
from providers.postmark.cases import CASES as POSTMARK
from providers.recordings import recordings
from providers.stripe.cases import CASES as STRIPE

from integrations import postmark, stripe
from operations.outcome import Absent, Finding, Outcome, Succeeded, Unclear
from operations.request import Reply, Sent

CASES = [*STRIPE, *POSTMARK]
SEEDS = 300  # per kind; every recording of the provider is mutated by each of them in turn


def name(value: object) -> str:
    return value.kind.name if isinstance(value, Case) else getattr(value, "__name__", str(value))


def test_every_kind_of_every_adapter_has_a_case() -> None:
    kinds = {kind for adapter in (stripe.ADAPTER, postmark.ADAPTER) for kind in adapter.kinds}
    assert {type(case.kind) for case in CASES} == kinds


@pytest.mark.parametrize("check", CHECKS, ids=name)
@pytest.mark.parametrize("case", CASES, ids=name)
def test_what_is_sent_conforms(case: Case, check: Callable[[Case], None]) -> None:
    check(case)


@pytest.mark.parametrize("case", CASES, ids=name)
def test_what_is_heard_is_never_believed_too_soon(case: Case) -> None:
    told = recordings(case.adapter.name)
    for seed in range(SEEDS):
        reply = mutated(told[seed % len(told)], seed)
        hostile_answers_are_never_believed(case, reply)
        hostile_findings_are_never_believed(case, reply)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(
                ["object", "data", "has_more", "metadata", "id", "status", "error", "ErrorCode", "Messages", "x"]
            ),
            inner,
            max_size=4,
        )
    ),
    max_leaves=8,
)


@settings(max_examples=150, deadline=None, derandomize=True)
@given(status=st.sampled_from(STATUSES), headers=st.sampled_from(HEADERS), body=JSON | st.binary(max_size=40))
def test_answers_from_nowhere_are_never_believed(status: int, headers: dict[str, str], body: object) -> None:
    raw = body if isinstance(body, bytes) else as_json(body)
    for case in CASES:
        hostile_answers_are_never_believed(case, Reply(status, headers, raw))
        hostile_findings_are_never_believed(case, Reply(status, headers, raw))


def as_json(body: object) -> bytes:
    return json.dumps(body).encode("utf-8", "surrogatepass")


class Gullible(stripe.TakePayment):
    """A plant: it takes every 200 for a payment."""

    def outcome(self, reply: Reply) -> Outcome | None:
        return Succeeded("pi_whatever") if reply.status == 200 else super().outcome(reply)


class Blind(stripe.TakePayment):
    """A plant: what it cannot see did not happen."""

    def finding(self, sent: Sent, reply: Reply) -> Finding:
        found = super().finding(sent, reply)
        return Absent() if isinstance(found, Unclear) else found


@pytest.mark.parametrize("plant", [Gullible, Blind])
def test_the_checks_catch_an_adapter_that_believes_too_soon(plant: type[stripe.TakePayment]) -> None:
    case = Case(stripe.ADAPTER, plant(), STRIPE[0].arguments)
    with pytest.raises(AssertionError):
        test_what_is_heard_is_never_believed_too_soon(case)
