"""What the environment may say of an OpenID provider, and the sentence for what it may not."""

import pytest

from config.errors import ConfigError
from config.openid import OPENID_NAMES
from config.settings import Settings

KNOWN = {
    "LOCKGATE_DATABASE_URL": "postgresql://a@b/c", "LOCKGATE_REDIS_URL": "redis://a/0", "LOCKGATE_DATA_KEY": "x",
}  # fmt: skip
OIDC = "LOCKGATE_ADMIN_OIDC_"
GIVEN = {f"{OIDC}ISSUER": "https://login.example.com/", f"{OIDC}CLIENT_ID": "us", f"{OIDC}CLIENT_SECRET": "between us"}


def read(**more: str) -> Settings:
    return Settings.from_environment(KNOWN | GIVEN | {f"{OIDC}{name}": value for name, value in more.items()})


def test_there_is_none_unless_it_is_named() -> None:
    plain = Settings.from_environment(KNOWN)
    assert (plain.openid, plain.admin_passwords) == (None, True)


def test_three_variables_are_enough() -> None:
    found = read().openid
    assert found is not None
    assert found.issuer == "https://login.example.com/", "with its slash, for the provider says it so"
    assert found.scope == "openid profile email"
    assert found.role_claim == "roles"
    assert found.roles == {"viewer": "viewer", "operator": "operator", "admin": "admin"}
    assert found.tenants_claim == ""
    assert "between us" not in repr(found)


def test_a_value_may_hold_what_names_of_groups_hold() -> None:
    found = read(ROLES="admin=CN=ops,OU=groups; viewer=staff;viewer=interns ;").openid
    assert found is not None
    assert found.roles == {"CN=ops,OU=groups": "admin", "staff": "viewer", "interns": "viewer"}


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        ("CLIENT_ID", "", "LOCKGATE_ADMIN_OIDC_CLIENT_ID is not set"),
        ("CLIENT_SECRET", "", "LOCKGATE_ADMIN_OIDC_CLIENT_SECRET is not set"),
        ("ISSUER", "", "LOCKGATE_ADMIN_OIDC_ISSUER is not set"),
        ("ISSUER", "http://login.example.com", "use https"),
        ("ISSUER", "login.example.com", "is not an address"),
        ("ISSUER", "https://", "is not an address"),
        ("ISSUER", "https://[x", "is not an address"),
        ("ISSUER", "https://me:pass@login.example.com", "is not an address"),
        ("ISSUER", "https://login.example.com/?x=1", "is not an address"),
        ("ISSUER", "https://login.example.com/#x", "is not an address"),
        ("ISSUER", "https://login.example.com:99999", "is not an address"),
        ("SCOPE", "profile", "openid among them"),
        ("SCOPE", 'openid "x"', "openid among them"),
        ("ROLES", "admins", "does not say which value makes which role"),
        ("ROLES", "boss=admins", "does not say which value makes which role"),
        ("ROLES", "admin=", "does not say which value makes which role"),
        ("ROLES", "admin=ops;viewer=ops", "give it one role"),
    ],
)
def test_what_cannot_be_is_refused_with_a_sentence(name: str, value: str, said: str) -> None:
    with pytest.raises(ConfigError, match=said):
        read(**{name: value})


@pytest.mark.parametrize("host", ["127.0.0.1:8080", "localhost:8080", "[::1]:8080"])
def test_plain_http_is_taken_for_this_machine(host: str) -> None:
    found = read(ISSUER=f"http://{host}").openid
    assert found is not None


def test_passwords_are_off_only_beside_another_way_in() -> None:
    off = {"LOCKGATE_ADMIN_PASSWORDS": "off"}
    assert not Settings.from_environment(KNOWN | GIVEN | off).admin_passwords
    with pytest.raises(ConfigError, match="nobody could sign in"):
        Settings.from_environment(KNOWN | off)
    with pytest.raises(ConfigError, match="use on or off"):
        Settings.from_environment(KNOWN | {"LOCKGATE_ADMIN_PASSWORDS": "no"})


def test_the_secret_is_in_no_log_and_every_name_is_known() -> None:
    settings = read()
    assert "between us" in settings.secrets()
    settings.check_names({})
    assert all(name.startswith("LOCKGATE_ADMIN_") for name in OPENID_NAMES)
