"""docs/error-classes.md says what the functions that decide do: each of its rows is played through them."""

import json
import re
from random import Random
from typing import Any

import pytest
from given.documents import ROOT, rows

from integrations import classify, postmark, stripe
from integrations.classify import Profile
from operations.means import Assurance, Means
from operations.operation import Purpose, RetryPolicy, Standing
from operations.outcome import Absent, Effect, ErrorClass, Failed, Present, Succeeded, Unclear
from operations.request import Reply, Request, Silence
from operations.states import Reason
from resilience.decide import Around, Confirm, Decision, Park, Retry, Settle, decide

PAGE = "docs/error-classes.md"
POLICY = RetryPolicy()
WRITE, READ = Request("POST", "/"), Request("GET", "/")


def answers() -> dict[int, tuple[str, str, str]]:
    """Of each status what the first table says, the narrower row before the wider one."""
    found: dict[int, tuple[str, str, str]] = {}
    spans = [(row, [int(part) for part in row[0].split("-")]) for row in rows(PAGE, "Answers, in general")[:-1]]
    for row, span in sorted(spans, key=lambda item: item[1][0] - item[1][-1]):
        found |= dict.fromkeys(range(span[0], span[-1] + 1), (row[2], row[3], row[4]))
    return found


def as_row(failed: Failed) -> tuple[str, str, str]:
    return str(failed.error_class), str(failed.effect), "yes" if failed.down else "no"


def test_the_table_of_answers_holds_for_every_status() -> None:
    told = answers()
    assert sorted(told) == list(range(200, 600))
    for status, row in told.items():
        assert as_row(classify.of_reply(Reply(status, {}, b""), Profile())) == row, status


def test_a_refusal_that_the_file_lists_is_one() -> None:
    (row,) = [row for row in rows(PAGE, "Answers, in general") if row[0] == "refusals"]
    assert as_row(classify.of_reply(Reply(503, {}, b""), Profile(frozenset({503})))) == tuple(row[2:5])


def test_only_a_401_blames_the_connection() -> None:
    blamed = [status for status in range(200, 600) if classify.of_reply(Reply(status, {}, b""), Profile()).connection]
    assert blamed == [401]


@pytest.mark.parametrize("row", rows(PAGE, "No answer"), ids=str)
def test_the_table_of_silences_holds(row: list[str]) -> None:
    what_left, request, error_class, effect = row
    asked = [WRITE, READ] if request == "any" else [WRITE if request == "writes" else READ]
    for one in asked:
        failed = classify.of_silence(Silence(sent=what_left != "nothing", code="x"), one)
        assert (failed.error_class, failed.effect) == (error_class, effect)


def test_every_code_of_a_silence_is_explained() -> None:
    source = "".join((ROOT / f"integrations/{name}.py").read_text() for name in ("connection", "transport"))
    raised = dict.fromkeys(re.findall(r'ConnectError\(\s*"(\w+)"', source), "yes") | {
        code: "yes" if down == "True" else "no" for code, down in re.findall(r'return "(\w+)", (True|False)', source)
    }
    raised |= dict.fromkeys(re.findall(r'ConnectError\("(\w+)"[^)]*down=False', source), "no")
    raised |= dict.fromkeys(re.findall(r'"(total_timeout)" if late else "(?:read_timeout)"', source), "yes")
    raised |= dict.fromkeys(re.findall(r'"total_timeout" if late else "(read_timeout)"', source), "yes")
    section = (ROOT / PAGE).read_text().partition("| code | it means")[2].partition("\n## ")[0]
    told = dict(re.findall(r"^\| `(\w+)` \|.*\| (yes|no) \|$", section, re.MULTILINE))
    assert told == raised


def in_words(decision: Decision) -> str:
    match decision:
        case Retry(reason=Reason.CONNECTION):
            return "wait for the connection"
        case Retry():
            return "retry"
        case Confirm():
            return "ask"
        case Park(effect=effect):
            return f"dead letter, {effect}"
        case _:
            raise AssertionError(decision)


def assurance(means: str, *, money: bool = False) -> Assurance:
    return Assurance(Means(means), kept_for=86_400.0 if means == "K" else 0.0, settle=60.0, money=money)


@pytest.mark.parametrize("means", ["K", "N", "Q", "X"])
@pytest.mark.parametrize("row", rows(PAGE, "How it goes on after a failure"), ids=str)
def test_the_table_after_a_failure_holds(row: list[str], means: str) -> None:
    told = row[2 + "KNQX".index(means)]
    error_class, _, mark = row[0].partition(", ")
    own = Effect.UNKNOWN if error_class == "ambiguous" else Effect.NONE
    failed = Failed(ErrorClass(error_class), own, "x", connection=mark == "connection", frozen=mark == "frozen")
    standing = Standing(
        Purpose.SEND,
        assurance(means),
        effect=Effect.NONE if own is Effect.UNKNOWN else Effect(row[1]),
        failures=POLICY.attempts - 1 if mark == "last attempt" else 0,
    )
    if told == "-":
        assert standing.effect is Effect.UNKNOWN
        assert means != "K"
        return
    decision = decide(standing, failed, Around(POLICY, Random(1)))
    assert in_words(decision) == told
    assert getattr(decision, "effect", None) == row[1]


def test_a_means_without_a_key_sends_nothing_while_the_effect_is_unknown() -> None:
    """Why the table has dashes: from an unknown effect only a question leads on, or a person."""
    for means in "NQX":
        doubt = Failed(ErrorClass.AMBIGUOUS, Effect.UNKNOWN, "x")
        first = decide(Standing(Purpose.SEND, assurance(means)), doubt, Around(POLICY, Random(1)))
        assert not isinstance(first, Retry)
        for heard in (Unclear("x"), Absent()):
            asking = Standing(Purpose.INQUIRE, assurance(means), effect=Effect.UNKNOWN)
            assert not isinstance(decide(asking, heard, Around(POLICY, Random(1))), Retry)


FOUND: dict[str, tuple[Any, dict[str, Any]]] = {
    "absent, before settle": (Absent(), {"settle_left": 5.0}),
    "absent, the first time": (Absent(), {}),
    "absent, twice and at least settle apart": (Absent(), {"absent_for": 60.0}),
    "absent, twice, after the last attempt": (Absent(), {"absent_for": 60.0, "failures": POLICY.attempts - 1}),
    "absent, twice, frozen": (Absent(), {"absent_for": 60.0, "frozen": True}),
    "absent, twice, frozen, money": (Absent(), {"absent_for": 60.0, "frozen": True}),
    "unclear": (Unclear("x"), {}),
}


def test_the_table_after_an_inquiry_holds() -> None:
    told = {row[0].replace("`", ""): row[1] for row in rows(PAGE, "How it goes on after an inquiry")}
    told.pop("present")
    assert list(told) == list(FOUND)
    for name, words in told.items():
        heard, facts = FOUND[name]
        given = assurance("K", money="money" in name)
        standing = Standing(Purpose.INQUIRE, given, effect=Effect.UNKNOWN, **facts)
        assert in_words(decide(standing, heard, Around(POLICY, Random(1)))) == words, name
    standing = Standing(Purpose.INQUIRE, assurance("K"), effect=Effect.UNKNOWN)
    assert isinstance(decide(standing, Present(Succeeded("r")), Around(POLICY, Random(1))), Settle)


def marks(failed: Failed) -> str:
    named = {"down": failed.down, "frozen": failed.frozen, "connection": failed.connection}
    return ", ".join(
        [*(name for name, is_so in named.items() if is_so), *(["behind the key"] if failed.behind_key else [])]
    )


@pytest.mark.parametrize("row", rows(PAGE, "Stripe"), ids=str)
def test_the_table_of_stripe_holds(row: list[str]) -> None:
    status, kind, code, header, error_class, effect, told = row
    name, _, value = header.partition(": ")
    error = {"type": kind, "message": "m"} | ({"code": code} if code else {})
    reply = Reply(int(status), {name: value} if name else {}, json.dumps({"error": error}).encode())
    failed = stripe.ADAPTER.classify(reply)
    assert failed is not None
    assert (str(failed.error_class), str(failed.effect), marks(failed)) == (error_class, effect, told)


@pytest.mark.parametrize("row", rows(PAGE, "Postmark"), ids=str)
def test_the_table_of_postmark_holds(row: list[str]) -> None:
    status, code, error_class, effect, told = row
    failed = postmark.ADAPTER.classify(
        Reply(int(status), {}, json.dumps({"ErrorCode": int(code), "Message": "m"}).encode())
    )
    if error_class == "-":
        assert failed is None
        return
    assert failed is not None
    assert (str(failed.error_class), str(failed.effect), marks(failed)) == (error_class, effect, told)
