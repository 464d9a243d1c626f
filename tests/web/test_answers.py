"""A4, A5 and A9: what every answer carries, what is made of hostile text, and what no page may show."""

import http.client
import json
import socket
from typing import Any
from urllib.parse import urlsplit

import pytest
import requests
from given.office import Browser, Desk, Elements, Office
from given.payments import pay

from admin.web.headers import HEADERS
from ledger import audit
from ledger.audit import Order

HOSTILE = [
    "<script>alert(1)</script>", "<img src=x onerror=alert(1)>", '"><svg onload=alert(1)>', "'><b onmouseover=alert(1)>",
    "javascript:alert(1)", "</textarea><script>alert(1)</script>", "{{ 7919 * 7907 }}",
    "{% for x in (1,) %}x{% endfor %}",
    "<!--<script>alert(1)//-->", "\u2028<script>alert(1)</script>", "<a href='javascript:alert(1)'>x</a>",
    "&lt;script&gt;",
    "=cmd|'/c calc'!A1", "x\r\nSet-Cookie: owned=1", "<iframe src=//evil.example></iframe>",
    "<style>*{display:none}</style>",
    "<base href=//evil.example>", "<form action=//evil.example><input name=q>", "<meta http-equiv=refresh content=0>",
    "<math><mtext></form><form><mglyph><style></math><img src onerror=alert(1)>",
    "<ScRiPt>alert(1)</sCrIpT>", "<script/x>alert(1)</script>", "<svg/onload=alert(1)>", "<body onload=alert(1)>",
    "<details open ontoggle=alert(1)>", "<input autofocus onfocus=alert(1)>", "<object data=//evil.example></object>",
    "<embed src=//evil.example>", "<link rel=stylesheet href=//evil.example>", "`onmouseover=alert(1)",
    '"-alert(1)-"', "</title><script>alert(1)</script>", "]]><script>alert(1)</script>", "%3Cscript%3Ealert(1)%3C/script%3E",
    "\\x3cscript\\x3ealert(1)\\x3c/script\\x3e", "{{ config.items() }}", "{# #}{{ ''.__class__.__mro__ }}",
    "${7919*7907}#{7919*7907}",
    "\u202e<b>tpircs</b>", "data:text/html,<script>alert(1)</script>",
]  # fmt: skip
WORKED_OUT = str(7919 * 7907)  # long enough to be in no form's token by chance
#: What a page of ours holds; anything else would have come from outside.
OURS = {
    "html", "head", "meta", "title", "link", "script", "body", "a", "header", "img", "nav", "form", "label", "input", "span",
    "button", "main", "p", "div", "section", "aside", "article", "h1", "h2", "h3", "h4", "table", "thead", "tbody", "tr",
    "th",
    "td", "dl", "dt", "dd", "ul", "ol", "li", "details", "summary", "select", "option", "time", "b", "br", "code", "figure",
    "figcaption", "svg", "g", "rect", "line", "polyline", "meter", "progress", "del", "ins",
}  # fmt: skip


def answers(office: Office) -> list[requests.Response]:
    ann, anonymous = office.browser("admin"), Browser(office.url)
    return [
        ann.get("/"), ann.get("/nothing"), ann.get("/static/lockgate.css"), ann.get("/static/nothing.css"),
        anonymous.get("/"), anonymous.get("/sign-in"), anonymous.get("/health"), anonymous.get("/api/v1/operations"),
        ann.http.put(office.url + "/"), ann.post("/providers/stripe/pause", {"form": "x"}),
        ann.post("/providers/stripe/pause", {"because": "x", "more": "y"}), ann.get("/", headers={"Host": "other"}),
        ann.get("/operations?before=nonsense"), ann.get("/openapi.json"), anonymous.get("/\x00%ff"),
    ]  # fmt: skip


def test_every_answer_carries_the_headers_errors_too(office: Office) -> None:
    for answer in answers(office):
        assert answer.status_code < 500, answer.url
        for name, value in HEADERS.items():
            assert answer.headers[name] == value, (answer.url, name)
        assert "Access-Control-Allow-Origin" not in answer.headers
        assert "Server" not in answer.headers


@pytest.mark.parametrize(
    "said", [b"\x16\x03\x01 no HTTP\r\n\r\n", b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n"]
)
def test_what_is_no_http_is_refused_with_the_headers_too(office: Office, said: bytes) -> None:
    address = urlsplit(office.url)
    assert address.port is not None
    with socket.create_connection((str(address.hostname), address.port), timeout=30) as caller:
        caller.sendall(said)
        answer = http.client.HTTPResponse(caller)
        answer.begin()
        assert answer.status == 400
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS
        assert "Server" not in answer.headers


def test_the_policy_lets_no_inline_script_or_style_run_and_no_page_needs_one(office: Office) -> None:
    policy = HEADERS["Content-Security-Policy"]
    assert "unsafe" not in policy
    assert policy.startswith("default-src 'none'")
    ann = office.browser("admin")
    for path in ("/", "/groups", "/runs", "/operations", "/providers/stripe", "/audit", "/accounts"):
        for tag, attributes in Elements(ann.get(path).text).found:
            assert not [name for name in attributes if name.startswith("on") or name == "style"], (path, tag)
            assert tag != "script" or attributes["src"] == "/static/live.js"


@pytest.fixture
def wounded(desk: Desk, office: Office) -> Browser:
    """Hostile text wherever somebody from outside may put it: references, messages, codes, reasons, names."""
    keyed = [pay(f"81{number}").id for number in range(len(HOSTILE))]
    pay("8001")
    ledger = desk.platform.ledger
    with ledger.connection() as connection:
        for text, ticket in zip(HOSTILE, keyed, strict=True):  # kinds of other deployments may allow such keys
            connection.execute(
                "UPDATE lockgate.operations SET business_key = %s WHERE ticket_id = %s",
                [text.replace("\x00", ""), ticket],
            )
        (operation,) = connection.execute("SELECT id FROM lockgate.operations ORDER BY id DESC").fetchone() or (None,)
        connection.execute(
            "UPDATE lockgate.operations SET state = 'dead', ended_at = clock_timestamp() WHERE id = %s", [operation]
        )
        for number, text in enumerate(HOSTILE, start=1):
            clean = text.replace("\x00", "")
            connection.execute(
                "INSERT INTO lockgate.attempts (operation_id, number, purpose, lane_id, worker, lease_until) "
                "SELECT id, %s, 'send', lane_id, %s, clock_timestamp() FROM lockgate.operations WHERE id = %s",
                [number, clean, operation],
            )
            connection.execute(
                "INSERT INTO lockgate.replies (operation_id, number, id, outcome, effect, code, message, reference, "
                "request_id) VALUES (%s, %s, gen_random_uuid(), 'failed', 'none', %s, %s, %s, %s)",
                [operation, number, clean, clean, clean, clean],
            )
            connection.execute(
                "INSERT INTO lockgate.dead_letters (operation_id, epoch, tenant, provider, kind, reason, effect, code, "
                "message, fingerprint) VALUES (%s, %s, 'default', 'stripe', 'stripe.take_payment', 'client', 'none', "
                "%s, %s, %s)",
                [operation, number, clean, clean, f"f{number}"],
            )
            audit.note(connection, Order(clean, clean), clean, clean, before={clean: clean}, after={"x": clean})
    return office.browser("admin")


def test_nothing_from_outside_becomes_a_part_of_a_page(wounded: Browser) -> None:
    assert len(set(HOSTILE)) == 40
    story = wounded.get("/find?q=order:8001:payment").headers["Location"]
    pages = [story, "/operations", "/audit", "/groups", "/groups/f1", "/", *(f"/find?q={text}" for text in HOSTILE)]
    for path in pages:
        answer = wounded.get(path, allow_redirects=True)
        assert answer.status_code == 200, path
        elements = Elements(answer.text).found
        assert {tag for tag, _ in elements} <= OURS, path
        for tag, attributes in elements:
            assert not [name for name in attributes if name.startswith("on")], (path, tag)
            assert not str(attributes.get("href", "")).lower().startswith("javascript:"), path
        assert sum(tag == "script" for tag, _ in elements) == 1, path
        assert "owned" not in answer.cookies
        assert WORKED_OUT not in answer.text, path


def every_text(value: Any) -> str:
    return json.dumps(value, default=str)


def test_no_page_and_no_json_shows_a_secret_or_what_is_personal(desk: Desk, office: Office) -> None:
    pay("8002", customer="cus_personal", payment_method="pm_very_personal")
    ann, asks = office.browser("admin"), office.program("admin")
    secrets = [
        *desk.settings.secrets(), str(ann.cookie), asks.token, "argon2", "cus_personal", "pm_very_personal",
        desk.platform.ledger.secret.hex(),
    ]  # fmt: skip
    story = ann.get("/find?q=order:8002:payment").headers["Location"]
    for path in (
        "/",
        "/operations",
        story,
        "/groups",
        "/runs",
        "/providers/stripe",
        "/audit",
        "/accounts",
        "/openapi.json",
    ):
        for told in (ann.get(path).text, asks.ask("GET", path).text):
            for secret in secrets:
                assert secret not in told, (path, secret)


def test_the_interface_is_described_as_it_is(office: Office) -> None:
    described = office.program("viewer").ask("GET", "/openapi.json").json()
    rules = {
        (method.lower(), rule.rule.removeprefix("/api/v1"))
        for rule in office.app.url_map.iter_rules() for method in rule.methods or ()
        if rule.rule.startswith("/api/v1") and method != "HEAD"
    }  # fmt: skip
    told = {
        (method, path.replace("{", "<").replace("}", ">"))
        for path, methods in described["paths"].items() for method in methods
    }  # fmt: skip
    assert told == {(method, rule.replace("<int:", "<").replace("<uuid:", "<")) for method, rule in rules}
    known = described["components"]["schemas"]
    for reference in {part.split('"')[0] for part in every_text(described).split("#/components/schemas/")[1:]}:
        assert reference in known
