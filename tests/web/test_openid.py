"""Signing in through an OpenID provider: who is let in, as whom, and every lie that lets nobody in."""

import re
import subprocess
import sys
from collections.abc import Iterator
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
from given.console import SCRIPT, Console
from given.id_tokens import CLIENT, SECRET, WRONG_CLAIMS, WRONG_SIGNATURES
from given.issuer import ANN, WRONG_DOCUMENTS, WRONG_WAYS_BACK, Issuer
from given.letters import dead
from given.nowhere import NOWHERE
from given.office import Browser, Desk, Office
from given.traveller import Traveller, told

from admin.access import people, sessions, tries
from admin.access.openid import way
from admin.access.openid.door import Door
from admin.web import safe
from admin.web.headers import HEADERS
from config.errors import ConfigError
from config.openid import OpenId
from config.secret import Secret
from integrations.transport import Limits
from ledger.audit import Order

BY = Order("test", "a test")


@pytest.fixture(scope="module")
def running() -> Iterator[Issuer]:
    started = Issuer()
    yield started
    started.end()


@pytest.fixture(scope="module")
def besides(running: Issuer) -> dict[str, str]:
    return {
        "LOCKGATE_ADMIN_OIDC_ISSUER": running.url, "LOCKGATE_ADMIN_OIDC_CLIENT_ID": CLIENT,
        "LOCKGATE_ADMIN_OIDC_CLIENT_SECRET": SECRET, "LOCKGATE_ADMIN_OIDC_TENANTS_CLAIM": "app.tenants",
    }  # fmt: skip


@pytest.fixture
def issuer(running: Issuer, desk: Desk, office: Office) -> Iterator[Issuer]:
    """Honest, and nobody came yet."""
    with desk.platform.ledger.connection() as connection:
        connection.execute("DELETE FROM lockgate.admin_identities")
        connection.execute("DELETE FROM lockgate.admin_sessions")
    running.told(who=ann(), lie="")
    office.place.__dict__.pop("door", None)  # what was learnt of it is forgotten
    yield running
    running.told(lie="")


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Half of the patience for a call."""
    monkeypatch.setattr(way, "LIMITS", Limits(connect=3.0, read=2.0, total=3.0, max_body=way.LIMITS.max_body))


def ann(**more: Any) -> dict[str, Any]:
    return {**ANN, "app": {"tenants": "*"}, **more}


def refusals(desk: Desk) -> int:
    return desk.count("audit WHERE action = 'sign-in refused'")


def test_whoever_the_provider_names_is_let_in_with_the_role_that_it_gives(
    desk: Desk, office: Office, issuer: Issuer
) -> None:
    before = desk.count("admin_accounts")
    traveller = Traveller(office.url)
    answer = traveller.sign_in_there("/operations")
    assert (answer.status_code, answer.headers["Location"]) == (303, "/operations")
    page = traveller.get("/").text
    (name,) = re.findall(r'title="You are operator">([^<]+)<', page)
    assert re.fullmatch(r"oidc:ann~[0-9a-f]{12}", name)
    assert desk.count("admin_accounts") == before
    assert desk.count(f"admin_identities WHERE issuer = '{issuer.url}' AND subject = 'u-17' AND name = '{name}'") == 1
    assert desk.count(f"audit WHERE actor = '{name}' AND action = 'identity add'") == 1
    assert desk.count("admin_departures") == 0


def test_the_way_there_carries_a_state_a_nonce_and_the_hash_of_a_verifier(office: Office, issuer: Issuer) -> None:
    left = Traveller(office.url).leaves()
    asked = urlsplit(left.headers["Refresh"].removeprefix("0; url="))
    assert f"{asked.scheme}://{asked.netloc}{asked.path}" == f"{issuer.url}/authorize"
    said = {name: value[0] for name, value in parse_qs(asked.query).items()}
    assert said["response_type"] == "code"
    assert said["code_challenge_method"] == "S256"
    assert said["redirect_uri"] == f"{office.url}/sign-in/openid/back"
    assert {len(said[part]) for part in ("state", "nonce", "code_challenge")} == {43}  # 256 bits each
    assert len({said[part] for part in ("state", "nonce", "code_challenge")}) == 3


def test_every_cookie_stays_strict_and_hidden(office: Office, issuer: Issuer) -> None:  # noqa: ARG001
    traveller = Traveller(office.url)
    left = traveller.leaves()
    back = traveller.sign_in_there()
    for answer in (left, back):
        for cookie in re.split(r", (?=lockgate)", answer.headers["Set-Cookie"]):
            assert "HttpOnly" in cookie
            assert "SameSite=Strict" in cookie
    assert traveller.http.cookies.get("lockgate-away") is None


def test_the_session_is_a_new_one_and_the_one_before_has_ended(office: Office, issuer: Issuer) -> None:  # noqa: ARG001
    traveller, thief = Traveller(office.url), Browser(office.url)
    assert traveller.sign_in(office.account("admin")).status_code == 303
    thief.http.cookies.set("lockgate", str(traveller.cookie))
    assert thief.get("/").status_code == 200
    # Whoever is signed in is led past the sign-in page; its form is another page's, which carries the same token.
    left = traveller.post("/sign-in/openid", {"next": "/"})
    assert traveller.comes_back(traveller.named(left)).status_code == 303
    assert traveller.cookie != thief.cookie
    assert thief.get("/").status_code == 303
    assert "You are operator" in traveller.get("/").text


def test_signing_out_ends_our_session(office: Office, issuer: Issuer) -> None:  # noqa: ARG001
    traveller, thief = Traveller(office.url), Browser(office.url)
    traveller.sign_in_there()
    thief.http.cookies.set("lockgate", str(traveller.cookie))
    assert traveller.post("/sign-out").headers["Location"] == "/sign-in"
    assert thief.get("/").status_code == 303


FORGED = "The signature of the ID token does not hold: nobody is signed in."
FOREIGN = "The ID token is for somebody else's application: nobody is signed in."
LACKS = "The ID token lacks something that it must say: nobody is signed in."
LATER = "The ID token is from the future: look at both clocks."
STRANGE = "The ID token is of another sign-in: nobody is signed in. Sign in again."


LIES = [
    ("another nonce", STRANGE), ("no nonce", STRANGE), ("never expires", LACKS), ("no subject", LACKS),
    ("another issuer", "The ID token is another issuer's: nobody is signed in."),
    ("another audience", FOREIGN), ("two audiences and no party", FOREIGN), ("another party", FOREIGN),
    ("expired", "The ID token has expired: sign in again, and look at both clocks when it happens again."),
    ("from the future", LATER),
    ("another access token", "The ID token does not belong to what came with it: nobody is signed in."),
    ("unsigned", FORGED), ("signed with our secret", FORGED), ("signed with the public key", FORGED),
    ("an unknown key", "The ID token is signed with a key that is not the OpenID provider's: nobody is signed in."),
    ("a forged key", FORGED), ("changed afterwards", FORGED), ("nonsense", FORGED),
    ("sends no ID token", "The OpenID provider sends no ID token: nobody is signed in."),
    ("says another issuer", "Another OpenID provider than ours led you back: nobody is signed in."),
    ("says no issuer", "Another OpenID provider than ours led you back: nobody is signed in."),
]  # fmt: skip


@pytest.mark.parametrize(("lie", "said"), LIES)
def test_a_lie_lets_nobody_in_and_is_in_the_audit(
    desk: Desk, office: Office, issuer: Issuer, lie: str, said: str
) -> None:  # fmt: skip
    traveller, before = Traveller(office.url), refusals(desk)
    issuer.told(lie=lie)
    answer = traveller.sign_in_there()
    assert (answer.status_code, told(answer)) == (403, said)
    assert traveller.cookie is None
    assert desk.count("admin_sessions") == desk.count("admin_identities") == 0
    assert refusals(desk) == before + 1
    issuer.told(lie="")
    assert traveller.sign_in_there().status_code == 303, "or it was refused for another reason"


def test_no_lie_is_left_out() -> None:
    assert set(WRONG_CLAIMS) | set(WRONG_SIGNATURES) <= {lie for lie, _ in LIES}


USED = "This sign-in was not begun in this browser, took more than ten minutes, or is over already: sign in again."


@pytest.mark.parametrize(
    ("lie", "said"),
    [
        ("refuses", "The OpenID provider did not let you in, or you turned back: sign in again."),
        ("has a bad day", "The OpenID provider is in trouble: try again in a minute."),
        ("says another state", USED),
        ("says no state", USED),
        ("says no code", "The OpenID provider led you back without a code: sign in again."),
    ],
)
def test_a_way_back_that_does_not_lead_in_is_told(
    desk: Desk, office: Office, issuer: Issuer, lie: str, said: str
) -> None:
    assert lie in WRONG_WAYS_BACK
    traveller, asked = Traveller(office.url), issuer.asked.get("/token", 0)
    issuer.told(lie=lie)
    answer = traveller.sign_in_there()
    assert (answer.status_code, told(answer)) == (400, said)
    assert "<b>no" not in answer.text
    assert desk.count("admin_sessions") == 0
    assert issuer.asked.get("/token", 0) == asked


def test_a_way_back_is_used_once_whatever_the_provider_takes(desk: Desk, office: Office, issuer: Issuer) -> None:
    issuer.told(lie="takes a code twice")
    traveller = Traveller(office.url)
    path = traveller.way_back()
    cookie = traveller.http.cookies["lockgate-away"]
    assert traveller.comes_back(path).status_code == 303
    traveller.http.cookies.set("lockgate-away", cookie, domain="127.0.0.1", path="/")
    asked = issuer.asked["/token"]
    again = traveller.comes_back(path)
    assert (again.status_code, told(again)) == (400, USED)
    assert issuer.asked["/token"] == asked, "the provider is not even asked"
    assert desk.count("admin_sessions") == 1


def test_a_code_that_was_used_by_somebody_else_is_refused(office: Office, issuer: Issuer) -> None:
    """Codes go to the provider once more in the way of somebody else's browser: its verifier is not that one's."""
    victim, thief = Traveller(office.url), Traveller(office.url)
    code = parse_qs(urlsplit(victim.way_back()).query)["code"][0]
    stolen = re.sub(r"code=[^&]*", f"code={code}", thief.way_back())
    answer = thief.comes_back(stolen)
    assert answer.status_code == 400
    assert told(answer).startswith("The OpenID provider does not take this code")
    assert issuer.asked["/token"] > 0


def test_somebody_elses_way_back_is_refused_and_not_used_up(office: Office, issuer: Issuer) -> None:  # noqa: ARG001
    ann_, bob = Traveller(office.url), Traveller(office.url)
    path = ann_.way_back()
    bob.leaves()
    for other in (bob, Traveller(office.url)):
        answer = other.comes_back(path)
        assert (answer.status_code, told(answer)) == (400, USED)
    assert ann_.comes_back(path).status_code == 303


def test_a_way_back_ends_after_ten_minutes(desk: Desk, office: Office, issuer: Issuer) -> None:  # noqa: ARG001
    traveller = Traveller(office.url)
    path = traveller.way_back()
    with desk.platform.ledger.connection() as connection:
        connection.execute("UPDATE lockgate.admin_departures SET at = at - interval '601 seconds'")
    assert told(traveller.comes_back(path)) == USED


@pytest.mark.parametrize("place", ["configuration", "token", "keys"])
@pytest.mark.parametrize(
    ("lie", "said", "status"),
    [
        ("hangs", "does not answer", 503), ("drips", "does not answer", 503), ("says too much", "more than anybody", 503),
        ("fails", "answers 500", 503), ("leads elsewhere", "leads elsewhere", 502), ("says no JSON", "no ", 502),
        ("says a list", "no ", 502), ("is not there", "look at LOCKGATE_ADMIN_OIDC_ISSUER", 502),
    ],
)  # fmt: skip
def test_a_provider_in_trouble_gives_a_page_in_time(
    office: Office, issuer: Issuer, request: pytest.FixtureRequest, place: str, lie: str, said: str, status: int
) -> None:  # fmt: skip
    if lie in {"hangs", "drips"}:
        request.getfixturevalue("quick")
    traveller = Traveller(office.url)
    issuer.told(lie=f"{lie} at {place}")
    answer = traveller.leaves() if place == "configuration" else traveller.sign_in_there()
    assert answer.status_code == status, told(answer)
    assert said in told(answer)
    assert told(answer).endswith(".")
    assert traveller.cookie is None
    assert 'name="password"' in answer.text, "passwords go on"


def test_a_provider_that_is_down_gives_a_page_and_holds_up_no_start(office: Office, caplog: Any) -> None:
    gone = Door(OpenId(f"http://{NOWHERE}", CLIENT, Secret(SECRET)), office.url)
    office.place.__dict__["door"] = gone
    try:
        answer = Traveller(office.url).leaves()
        assert (answer.status_code, "does not answer" in told(answer)) == (503, True)
        safe.check_openid(gone)
        assert "nobody can sign in through" in caplog.text
    finally:
        del office.place.__dict__["door"]


@pytest.mark.parametrize("lie", list(WRONG_DOCUMENTS))
def test_a_provider_that_cannot_be_used_is_refused_at_the_start_and_on_the_page(
    office: Office, issuer: Issuer, lie: str
) -> None:
    issuer.told(lie=lie)
    door = office.place.door
    assert door is not None
    with pytest.raises(ConfigError) as refused:
        safe.check_openid(door)
    answer = Traveller(office.url).leaves()
    assert answer.status_code == 502
    assert f"cannot sign anybody in: {told(answer)}" in str(refused.value)
    issuer.told(lie="")
    safe.check_openid(door)


def test_the_command_refuses_a_provider_that_cannot_be_used_and_needs_no_account_with_one_that_can(
    desk: Desk, issuer: Issuer, database_url: str
) -> None:
    console = Console(dict(desk.settings.environment) | {"LOCKGATE_DATABASE_URL": database_url, "PATH": ""})
    issuer.told(lie="a document of another issuer")
    refused = console.run("admin", "serve", "--port", "0")
    assert (refused.code, refused.out) == (1, "")
    assert f"{issuer.url} cannot sign anybody in: The OpenID provider calls itself otherwise" in refused.err
    assert "Traceback" not in refused.err
    issuer.told(lie="")
    serving = subprocess.Popen(
        [sys.executable, str(SCRIPT), "admin", "serve", "--port", "0"],
        env=dict(console.environment), stdout=subprocess.PIPE, text=True,
    )  # fmt: skip
    try:
        assert serving.stdout is not None
        traveller = Traveller(serving.stdout.readline().split()[-1])
        assert traveller.sign_in_there().status_code == 303
        assert traveller.signed_in
    finally:
        serving.terminate()
        assert serving.wait(timeout=60) == 0
        assert serving.stdout is not None
        serving.stdout.close()


def test_a_provider_that_does_not_know_us_is_told(office: Office, issuer: Issuer) -> None:
    issuer.told(lie="does not know us")
    answer = Traveller(office.url).sign_in_there()
    assert (answer.status_code, "LOCKGATE_ADMIN_OIDC_CLIENT_ID" in told(answer)) == (502, True)


def test_a_new_key_is_asked_for_when_it_is_met(office: Office, issuer: Issuer) -> None:
    assert Traveller(office.url).sign_in_there().status_code == 303
    asked = issuer.asked["/keys"]
    assert Traveller(office.url).sign_in_there().status_code == 303
    assert issuer.asked["/keys"] == asked
    issuer.told(rotate=True)
    assert Traveller(office.url).sign_in_there().status_code == 303
    assert issuer.asked["/keys"] == asked + 1


def test_whoever_has_no_role_is_known_and_not_let_in(desk: Desk, office: Office, issuer: Issuer) -> None:
    before = refusals(desk)
    for roles in ([], ["staff"], None, {"operator": True}):
        issuer.told(who=ann(roles=roles))
        answer = Traveller(office.url).sign_in_there()
        assert (answer.status_code, "gives you no role here" in told(answer)) == (403, True)
    assert desk.count("admin_identities") == desk.count("admin_sessions") == 0
    assert refusals(desk) == before + 4
    assert desk.count("audit WHERE action = 'sign-in refused' AND actor LIKE 'oidc:ann~%'") >= 4


def test_another_role_is_had_at_the_next_sign_in_and_ends_the_sessions_of_before(
    desk: Desk, office: Office, issuer: Issuer
) -> None:
    first, second = Traveller(office.url), Traveller(office.url)
    first.sign_in_there()
    issuer.told(who=ann(roles=["viewer", "admin", "else"]))
    assert "You are operator" in first.get("/").text
    second.sign_in_there()
    assert "You are admin" in second.get("/accounts").text
    assert not first.signed_in
    assert desk.count("audit WHERE action = 'identity role' AND after ->> 'role' = 'admin'") == 1
    issuer.told(who=ann(roles=[]))
    assert Traveller(office.url).sign_in_there().status_code == 403
    assert not second.signed_in, "whoever has lost their role is out everywhere as soon as we hear of it"


def test_whoever_sees_some_tenants_sees_those(office: Office, issuer: Issuer) -> None:
    issuer.told(who=ann(roles=["admin"], app={"tenants": ["acme", "No Tenant"]}))
    traveller = Traveller(office.url)
    assert traveller.sign_in_there().status_code == 303
    assert traveller.get("/audit").status_code == 403
    issuer.told(who=ann(roles=["admin"], app={}))
    answer = Traveller(office.url).sign_in_there()
    assert (answer.status_code, "names no tenant" in told(answer)) == (403, True)
    assert not traveller.signed_in


def test_whoever_is_shut_out_by_an_admin_stays_out(desk: Desk, office: Office, issuer: Issuer) -> None:  # noqa: ARG001
    traveller, boss = Traveller(office.url), office.browser("admin")
    traveller.sign_in_there()
    page = boss.get("/accounts").text
    (path,) = set(re.findall(r'action="(/accounts/oidc[^"]*/disabled)"', page))
    done = boss.post(path, {"disabled": "true", "because": "left us"}, page="/accounts")
    assert done.headers["Location"] == "/accounts"
    assert not traveller.signed_in
    answer = traveller.sign_in_there()
    assert (answer.status_code, "shut you out" in told(answer)) == (403, True)
    boss.post(path, {"disabled": "false", "because": "is back"}, page="/accounts")
    assert traveller.sign_in_there().status_code == 303
    assert desk.count("audit WHERE action IN ('identity disable', 'identity enable')") == 2


def test_commands_know_who_came(desk: Desk, office: Office, issuer: Issuer) -> None:  # noqa: ARG001
    Traveller(office.url).sign_in_there()
    ledger = desk.platform.ledger
    with ledger.connection() as connection:
        (name,) = [one.name for one in people.listed(connection) if one.through != "password"]
    with pytest.raises(ConfigError, match="signs in through the OpenID provider"):
        people.accounts.set_password(ledger, name, "another long password", BY)
    with pytest.raises(ConfigError, match="nobody came as oidc:bob yet"):
        people.set_disabled(ledger, "oidc:bob", BY, disabled=True)
    people.set_disabled(ledger, name, BY, disabled=True)
    assert desk.count("admin_sessions") == 0


def test_nobody_approves_their_own_money_under_another_name(desk: Desk, office: Office, issuer: Issuer) -> None:
    number, _ = dead(desk, "8901")
    traveller = Traveller(office.url)
    traveller.sign_in_there()
    sent = {"changes.amount": "4100", "because": "the discount was forgotten"}
    assert traveller.post(f"/deadletters/{number}/edit", sent).status_code == 303
    with desk.platform.ledger.connection() as connection:
        (edit,) = connection.execute("SELECT id FROM lockgate.edits WHERE letter_id = %s", [number]).fetchone() or (0,)
    issuer.told(who=ann(preferred_username="bob", email="bob@example.com"))
    renamed = Traveller(office.url)
    renamed.sign_in_there()
    assert ">oidc:ann~" in renamed.get("/").text
    own = renamed.post(f"/edits/{edit}/approve", {"because": "it is right", "back": "/edits"})
    assert own.headers["Location"] == "/edits"
    assert "own: where it is money a second person must approve it" in renamed.get("/edits").text
    assert desk.count(f"edits WHERE id = {edit} AND state = 'waiting'") == 1
    issuer.told(who=ann(sub="u-18"))
    other = Traveller(office.url)
    other.sign_in_there()
    assert ">oidc:ann~" in other.get("/").text
    assert desk.count("admin_identities") == 2, "the same name is not the same person"


@pytest.fixture
def no_passwords(desk: Desk) -> Iterator[None]:
    """As after a new start with another environment."""
    object.__setattr__(desk.platform.settings, "admin_passwords", False)
    yield
    object.__setattr__(desk.platform.settings, "admin_passwords", True)


def test_where_passwords_are_off_only_the_provider_lets_in(
    office: Office, issuer: Issuer, request: pytest.FixtureRequest  # noqa: ARG001
) -> None:  # fmt: skip
    old, name, traveller = office.browser("admin"), office.account("admin"), Traveller(office.url)
    traveller.sign_in_there()
    request.getfixturevalue("no_passwords")
    page = Browser(office.url).get("/sign-in").text
    assert 'name="password"' not in page
    assert 'action="/sign-in/openid"' in page
    assert Browser(office.url).sign_in(name).status_code == 403
    assert old.get("/").status_code == 303, "a session that a password began has ended"
    assert traveller.signed_in


def test_another_provider_lets_nobody_in_whom_the_one_before_knew(desk: Desk, office: Office, issuer: Issuer) -> None:
    traveller = Traveller(office.url)
    traveller.sign_in_there()
    cookie = str(traveller.cookie)
    with desk.platform.ledger.connection() as connection:
        assert sessions.who(connection, cookie, issuer=issuer.url) is not None
        assert sessions.who(connection, cookie, issuer="https://other.example") is None
        assert sessions.who(connection, cookie) is None


def test_the_way_there_is_a_form_of_ours_and_tried_so_often(office: Office, issuer: Issuer) -> None:
    traveller, asked = Traveller(office.url), issuer.asked.get("/authorize", 0)
    for fields, headers in (
        ({"form": ""}, {}), ({}, {"Origin": "https://evil.example"}), ({}, {"Sec-Fetch-Site": "cross-site"}),
    ):  # fmt: skip
        assert traveller.post("/sign-in/openid", fields, page="/sign-in", **headers).status_code == 403
    for number in range(tries.PER_ADDRESS):
        assert tries.may_try(office.place.ledger, str(number), "127.0.0.1")
    assert traveller.leaves().status_code == 429
    assert issuer.asked.get("/authorize", 0) == asked


@pytest.mark.parametrize("there", ["https://evil.example/", "//evil.example", "/\\evil.example", "/" + "x" * 2000])
def test_the_way_back_leads_to_pages_of_ours_only(office: Office, issuer: Issuer, there: str) -> None:  # noqa: ARG001
    assert Traveller(office.url).sign_in_there(there).headers["Location"] == "/"


def test_every_answer_carries_the_headers(office: Office, issuer: Issuer) -> None:
    traveller = Traveller(office.url)
    issuer.told(lie="unsigned")
    left, path = traveller.leaves(), traveller.way_back()
    once_more = traveller.get(path, headers={"Sec-Fetch-Site": "cross-site"})
    for answer in (left, once_more, traveller.comes_back(path), traveller.comes_back(path)):
        assert {name: answer.headers[name] for name in HEADERS} == HEADERS


def test_the_secret_of_the_client_is_on_no_page_and_in_no_log(desk: Desk, office: Office, issuer: Issuer) -> None:  # noqa: ARG001
    assert SECRET in desk.settings.secrets()
    assert SECRET not in repr(desk.settings)
    traveller = Traveller(office.url)
    for path in ("/sign-in", "/", "/operations"):
        assert SECRET not in traveller.get(path, allow_redirects=True).text


def test_without_a_provider_there_is_no_such_door(office: Office) -> None:
    office.place.__dict__["door"] = None
    try:
        assert Traveller(office.url).leaves().status_code == 404
        assert Browser(office.url).get("/sign-in/openid/back").status_code == 404
    finally:
        del office.place.__dict__["door"]
