"""What every adapter must keep to, whatever its provider says: pure, private, and never sure of what it cannot see.

A provider brings a `Case` for each of its kinds and its recordings; `test_conformance.py` runs the checks on them.
"""

import copy
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from random import Random
from typing import Any

from providers.recordings import Recording, leaves

from config.secret import Secret
from integrations.adapter import Adapter, Kind
from integrations.call import failure
from integrations.classify import Profile
from operations.means import Means
from operations.outcome import Absent, Accepted, Ask, Declined, Effect, Failed, Open, Present, Succeeded, Unclear
from operations.request import Reply, Request, Sent

KEY = "3f" * 20  # what `operations.keys.idempotency_key` makes: 40 hexadecimal digits; the recordings carry it
OTHER = "a1" * 20
SECRET = "a-credential-that-must-not-show"
LATER = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)
OUTCOMES = (Succeeded, Accepted, Declined, Open, Failed)
FINDINGS = (Present, Absent, Unclear, Ask)


@dataclass(frozen=True)
class Case:
    """One kind with arguments that show what it does.

    Attributes:
        arguments: what a caller gives.
        personal: of those, the values that name a person or are a person's words.
        marks: the key travels as metadata on what the kind makes.
    """

    adapter: Adapter
    kind: Kind
    arguments: Mapping[str, Any]
    personal: tuple[str, ...] = ()
    marks: bool = True
    others: tuple[Mapping[str, Any], ...] = field(default=())

    def request(self, key: str = KEY, arguments: Mapping[str, Any] | None = None) -> Request:
        return self.kind.request(self.kind.Arguments(**(arguments or self.arguments)), key)

    def sent(self, reference: str | None = None, declined: str | None = None) -> Sent:
        return Sent(self.arguments, self.request(), KEY, LATER, reference, declined)

    def business_key(self, arguments: Mapping[str, Any] | None = None) -> str | None:
        return self.kind.business_key(self.kind.Arguments(**(arguments or self.arguments)))


# ---- what is sent ----


def equal_arguments_give_equal_bytes(case: Case) -> None:
    turned = dict(reversed(case.arguments.items()))
    assert case.request() == case.request(arguments=turned)
    assert Request.from_json(json.loads(json.dumps(case.request().to_json()))) == case.request()


def the_request_names_no_host_and_no_credential(case: Case) -> None:
    given = case.adapter.authenticate({name: Secret(SECRET) for name in case.adapter.credentials})
    assert any(SECRET in value for value in given.values())
    for request in (case.request(), case.adapter.account_request(), *inquiries(case)):
        assert re.match(r"/[^/]", request.path)
        assert SECRET not in repr(request)
        assert not {name.lower() for name in given} & {name.lower() for name in request.headers}


def the_key_goes_where_the_provider_honours_or_shows_it(case: Case) -> None:
    request, other = case.request(), case.request(OTHER)
    if case.kind.means is Means.KEY:
        assert KEY in request.headers.values()
        assert request.headers != other.headers
    if case.marks:
        assert KEY.encode() in request.body
        assert request.body.replace(KEY.encode(), OTHER.encode()) == other.body
    assert b"lockgate_key" in request.body or not case.marks


def the_business_key_names_the_intent_and_nobody(case: Case) -> None:
    named = case.business_key()
    assert named == case.business_key()
    assert named is not None
    assert re.fullmatch(r"[A-Za-z0-9_.:-]{1,255}", named)
    for word in case.personal:
        assert word not in named
    hidden = [value for name, value in case.arguments.items() if name not in case.kind.visible]
    assert not any(str(value) in named for value in hidden)


def another_intent_has_another_business_key(case: Case) -> None:
    names = {case.business_key(), *(case.business_key(arguments) for arguments in case.others)}
    assert len(names) == 1 + len(case.others)


def nothing_personal_is_visible_or_kept_readable(case: Case) -> None:
    shown = [value for name, value in case.arguments.items() if name in case.kind.visible]
    for word in case.personal:
        assert not any(word in str(value) for value in shown)
    assert not case.adapter.evidence & {
        "email", "name", "phone", "address", "client_secret", "To", "From", "Subject", "TextBody", "HtmlBody", "Recipients",
    }  # fmt: skip


def an_inquiry_only_reads(case: Case) -> None:
    for request in inquiries(case):
        assert not request.writes
        assert request.body == b""
    assert case.kind.inquiry(case.sent()) == case.kind.inquiry(case.sent())


def a_reference_leads_nowhere_else(case: Case) -> None:
    for bad in ("../../v1/refunds", "a/../../b", "x?expand[]=y", "..", "a b"):
        target = case.kind.inquiry(case.sent(bad)).target
        assert bad not in target or bad == ".."
        assert "/../" not in target


CHECKS: tuple[Callable[[Case], None], ...] = (
    equal_arguments_give_equal_bytes,
    the_request_names_no_host_and_no_credential,
    the_key_goes_where_the_provider_honours_or_shows_it,
    the_business_key_names_the_intent_and_nobody,
    another_intent_has_another_business_key,
    nothing_personal_is_visible_or_kept_readable,
    an_inquiry_only_reads,
    a_reference_leads_nowhere_else,
)


def inquiries(case: Case) -> list[Request]:
    return [case.kind.inquiry(case.sent()), case.kind.inquiry(case.sent("ref_1"))]


# ---- what is heard ----


class Spoken:
    """An adapter as `integrations.call.failure` needs it."""

    def __init__(self, adapter: Adapter) -> None:
        self.adapter = adapter
        self.profile = Profile()


def hostile_answers_are_never_believed(case: Case, reply: Reply) -> None:
    """An answer of any shape: no exception, and a success only with a reference that the answer shows."""
    said = case.kind.outcome(reply) or failure(Spoken(case.adapter), reply)  # type: ignore[arg-type]
    assert isinstance(said, OUTCOMES)
    if isinstance(said, Succeeded | Accepted):
        assert 200 <= reply.status < 300
        assert said.reference
        assert json.dumps(said.reference).encode() in reply.body
    if isinstance(said, Failed) and 200 <= reply.status < 300 and said.effect is Effect.NONE:
        assert reply.json() is not None  # only words of the provider, never a body that cannot be read
    if isinstance(said, Failed) and reply.status in {408, 409, 500, 502, 504}:
        assert said.effect is Effect.UNKNOWN
    case.adapter.account(reply)


def hostile_findings_are_never_believed(case: Case, reply: Reply) -> None:
    """An answer of any shape to the inquiry: no exception, absence only from a whole answer, presence only of ours."""
    for sent in (case.sent(), case.sent("pi_3QexampleAAAA0001"), case.sent("pi_3QexampleAAAA0001", "card_declined")):
        found = case.kind.finding(sent, reply)
        assert isinstance(found, FINDINGS)
        if isinstance(found, Absent):
            assert reply.status == 200
            assert isinstance(reply.json(), dict)
        if isinstance(found, Present) and case.marks:
            assert KEY.encode() in reply.body
        if isinstance(found, Ask):
            assert re.match(r"/[^/]", found.request.path)


STRANGE: tuple[Any, ...] = (
    None, True, False, 0, -1, 1e308, float("nan"), "", "x", "0", "../..", "\u0000", "\ud800", [], {}, [None], {"id": None},
    [[]], {"object": "list"}, 10**30,
)  # fmt: skip
STATUSES = (200, 201, 204, 207, 301, 400, 401, 402, 403, 404, 408, 409, 422, 424, 429, 500, 502, 503, 504, 599)
HEADERS = (
    {}, {"retry-after": "abc"}, {"retry-after": "9" * 30}, {"retry-after": "Tue, 99 Nov 20266 12:00:00 GMT"},
    {"idempotent-replayed": "true"}, {"stripe-should-retry": "true"}, {"stripe-should-retry": "false"},
)  # fmt: skip


def mutated(one: Recording, seed: int) -> Reply:
    """A recording with a few things changed: left out, renamed, of another type, under another status; from a seed."""
    rng, body = Random(seed), copy.deepcopy(one.body)
    for _ in range(rng.randrange(4)):
        path, _ = rng.choice(leaves(body) or [((), None)])
        body = _changed(body, path[: rng.randint(0, len(path))] or path, rng)
    status = one.status if rng.random() < 0.5 else rng.choice(STATUSES)
    text = json.dumps(body).encode("utf-8", "surrogatepass")
    if rng.random() < 0.1:
        text = text[: rng.randrange(len(text) + 1)]
    return Reply(status, one.headers | rng.choice(HEADERS), text)


def _changed(body: Any, path: tuple[str, ...], rng: Random) -> Any:
    if not path:
        return rng.choice(STRANGE)
    holder = body
    for part in path[:-1]:
        holder = holder[int(part) if isinstance(holder, list) else part]
    last: Any = int(path[-1]) if isinstance(holder, list) else path[-1]
    value = holder[last]
    match rng.randrange(4):
        case 0:
            del holder[last]
        case 1 if isinstance(holder, dict):
            del holder[last]
            holder[f"{last}_v2"] = value
        case _:
            holder[last] = rng.choice((*STRANGE, [value], {"value": value}, str(value)))
    return body
