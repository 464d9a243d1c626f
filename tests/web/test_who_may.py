"""A1: every route, every method, everybody. The routes come from the application that runs, who may from the table."""

import uuid

import pytest
from given.office import Browser, Desk, Office, Program
from given.payments import pay

ROLES = ("viewer", "operator", "admin")
ANYBODY = ""
#: The least role that each route asks for. `!` after it: only for who may see all tenants. A route that is not here fails.
PAGES = {
    ("GET", "/"): "viewer",
    ("GET", "/sign-in"): ANYBODY,
    ("POST", "/sign-in"): ANYBODY,
    ("POST", "/sign-in/openid"): ANYBODY,
    ("GET", "/sign-in/openid/back"): ANYBODY,
    ("POST", "/sign-out"): "viewer",
    ("GET", "/health"): ANYBODY,
    ("GET", "/find"): "viewer",
    ("GET", "/operations"): "viewer",
    ("GET", "/operations/<uuid:operation_id>"): "viewer",
    ("GET", "/providers/<name>"): "viewer",
    ("POST", "/providers/<name>/breaker"): "operator!",
    ("POST", "/providers/<name>/pause"): "operator!",
    ("POST", "/providers/<name>/resume"): "operator!",
    ("POST", "/providers/<name>/lower"): "operator!",
    ("POST", "/providers/<name>/lift"): "operator!",
    ("GET", "/groups"): "viewer",
    ("GET", "/groups/<fingerprint>"): "viewer",
    ("POST", "/groups/<fingerprint>/acknowledge"): "operator!",
    ("POST", "/groups/<fingerprint>/ignore"): "operator!",
    ("POST", "/groups/<fingerprint>/resolve"): "operator!",
    ("POST", "/groups/<fingerprint>/reopen"): "operator!",
    ("POST", "/groups/<fingerprint>/assign"): "operator!",
    ("POST", "/groups/<fingerprint>/tags"): "operator!",
    ("POST", "/groups/<fingerprint>/note"): "operator!",
    ("POST", "/groups/<fingerprint>/discard"): "operator",
    ("POST", "/groups/<fingerprint>/renew"): "operator",
    ("GET", "/deadletters"): "viewer",
    ("GET", "/deadletters/<int:letter_id>"): "viewer",
    ("POST", "/deadletters/<int:letter_id>/ask"): "operator",
    ("POST", "/deadletters/<int:letter_id>/requeue"): "operator",
    ("POST", "/deadletters/<int:letter_id>/resolve"): "operator",
    ("POST", "/deadletters/<int:letter_id>/discard"): "operator",
    ("GET", "/deadletters/<int:letter_id>/edit"): "operator",
    ("POST", "/deadletters/<int:letter_id>/edit"): "operator",
    ("GET", "/edits"): "operator",
    ("POST", "/edits/approve"): "operator",
    ("POST", "/edits/<int:edit_id>/approve"): "operator",
    ("POST", "/edits/<int:edit_id>/reject"): "operator",
    ("GET", "/runs"): "viewer!",
    ("POST", "/runs"): "operator",
    ("GET", "/runs/<int:run_id>"): "viewer",
    ("POST", "/runs/<int:run_id>/start"): "operator",
    ("POST", "/runs/<int:run_id>/pause"): "operator",
    ("POST", "/runs/<int:run_id>/resume"): "operator",
    ("POST", "/runs/<int:run_id>/cancel"): "operator",
    ("GET", "/audit"): "viewer!",
    ("GET", "/openapi.json"): "viewer",
    ("GET", "/accounts"): "admin!",
    ("POST", "/accounts"): "admin!",
    ("POST", "/accounts/<name>/disabled"): "admin!",
    ("POST", "/accounts/<name>/role"): "admin!",
    ("POST", "/accounts/<name>/password"): "admin!",
    ("POST", "/tokens"): "admin!",
    ("POST", "/tokens/<name>/revoke"): "admin!",
}
NOT_FOR_PROGRAMS = {
    ("GET", "/sign-in"), ("POST", "/sign-in"), ("POST", "/sign-in/openid"), ("GET", "/sign-in/openid/back"),
    ("POST", "/sign-out"), ("GET", "/find"),
}  # fmt: skip
STATIC = ("GET", "/static/<path:filename>")
METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE")


def wanted() -> dict[tuple[str, str], str]:
    programs = {
        (method, f"/api/v1{rule}"): need
        for (method, rule), need in PAGES.items()
        if (method, rule) not in NOT_FOR_PROGRAMS
    }
    return PAGES | programs


def inventory(office: Office) -> set[tuple[str, str]]:
    """Every route of the running application, but for the files."""
    found = {(method, rule.rule) for rule in office.app.url_map.iter_rules() for method in rule.methods or ()}
    return {(method, rule) for method, rule in found if method != "HEAD"} - {STATIC, ("OPTIONS", STATIC[1])}


def test_every_route_of_the_application_is_in_the_table(office: Office) -> None:
    assert inventory(office) == set(wanted())


def path_of(rule: str) -> str:
    """A path of that route, of something that is not there."""
    samples = {
        "<uuid:operation_id>": str(uuid.uuid4()), "<name>": "stripe", "<fingerprint>": "abc", "<int:run_id>": "99",
        "<int:letter_id>": "99", "<int:edit_id>": "99",
    }  # fmt: skip
    for part, sample in samples.items():
        rule = rule.replace(part, sample)
    assert "<" not in rule, f"say what stands for the parts of {rule}"
    return rule.replace("/providers/stripe", "/providers/nobody") if "/providers/" in rule else rule


def may(need: str, role: str | None, *, limited: bool) -> bool:
    if need == ANYBODY:
        return True
    if role is None or (limited and need.endswith("!")):
        return False
    return ROLES.index(role) >= ROLES.index(need.rstrip("!"))


@pytest.mark.parametrize(("role", "limited"), [(None, False), *((role, False) for role in ROLES), ("admin", True)])
def test_every_browser_is_let_through_where_it_may_and_nowhere_else(
    office: Office, role: str | None, *, limited: bool
) -> None:
    opened = office.browser(role, *(["acme"] if limited else []))
    token = opened.token("/") if role else opened.token("/sign-in")
    for (method, rule), need in wanted().items():
        if rule.startswith("/api/") or rule == "/sign-out":
            continue
        path = path_of(rule)
        answer = opened.get(path) if method == "GET" else opened.post(path, {"form": token}, page="/health")
        led_away = answer.headers.get("Location", "").startswith("/sign-in?")
        passed = answer.status_code not in {401, 403} and not led_away
        assert answer.status_code < 500, (method, rule, answer.text)
        assert passed is may(need, role, limited=limited), (method, rule, role, answer.status_code)
    assert opened.post("/sign-out", {"form": token}, page="/health").status_code == (303 if role else 401)


@pytest.mark.parametrize(("role", "limited"), [(None, False), *((role, False) for role in ROLES), ("admin", True)])
def test_every_program_is_let_through_where_it_may_and_nowhere_else(
    office: Office, role: str | None, *, limited: bool
) -> None:
    asks = office.program(role, *(["acme"] if limited else [])) if role else Program(office.url, "lgt_" + "x" * 43)
    for (method, rule), need in wanted().items():
        if not rule.startswith("/api/"):
            continue
        answer = asks.ask(method, path_of(rule).removeprefix("/api/v1"), json={} if method == "POST" else None)
        assert answer.status_code < 500, (method, rule, answer.text)
        assert (answer.status_code not in {401, 403}) is may(need, role, limited=limited), (method, rule, answer.text)
        assert answer.headers["Content-Type"] == "application/json"


def test_no_route_answers_another_method(office: Office) -> None:
    opened, asks = office.browser("admin"), office.program("admin")
    declared = set(wanted())
    for _, rule in declared:
        for method in METHODS:
            if (method, rule) not in declared:
                headers = {"Authorization": f"Bearer {asks.token}"} if rule.startswith("/api/") else {}
                answer = opened.http.request(method, office.url + path_of(rule), headers=headers, timeout=30)
                assert answer.status_code == 405, (method, rule)


def test_a_session_opens_no_door_of_programs_and_a_token_none_of_browsers(office: Office) -> None:
    opened, asks = office.browser("admin"), office.program("admin")
    assert opened.get("/api/v1/operations").status_code == 401
    bearing = Browser(office.url).get("/operations", headers={"Authorization": f"Bearer {asks.token}"})
    assert bearing.headers["Location"] == "/sign-in?next=/operations"
    assert asks.ask("GET", "/operations").status_code == 200


def test_another_tenants_work_is_not_there(desk: Desk, office: Office) -> None:
    pay("7001")
    mine, theirs = office.browser("viewer", "default"), office.browser("admin", "acme")
    found = mine.get("/find?q=order:7001:payment").headers["Location"]
    assert "order:7001:payment" in mine.get(found).text
    assert theirs.get(found).status_code == 404
    assert "order:7001:payment" not in theirs.get("/operations").text.replace('value="order:7001:payment"', "")
    listed = office.program("viewer", "acme").ask("GET", "/operations", params={"q": "order:7001:payment"}).json()
    assert listed["rows"] == []
    assert desk.count("operations WHERE business_key = 'order:7001:payment'") == 1
