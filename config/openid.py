"""Signing in to the admin through an OpenID provider: what the environment says of it, read once and checked."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import urlsplit

from config.address import private
from config.errors import ConfigError
from config.secret import Secret

_PREFIX = "LOCKGATE_ADMIN_OIDC_"
_ROLES = ("viewer", "operator", "admin")
_NEEDED = ("ISSUER", "CLIENT_ID", "CLIENT_SECRET")
_SCOPE = re.compile(r"[\x21\x23-\x5B\x5D-\x7E]+")  # RFC 6749, 3.3

#: Its variables; none of them needs to be set.
OPENID_NAMES = {
    "LOCKGATE_ADMIN_OIDC_ISSUER": "the OpenID provider's issuer, such as https://login.example.com",
    "LOCKGATE_ADMIN_OIDC_CLIENT_ID": "the name under which the provider knows this admin",
    "LOCKGATE_ADMIN_OIDC_CLIENT_SECRET": "the secret that goes with that name",
    "LOCKGATE_ADMIN_OIDC_SCOPE": "what is asked for; openid profile email when unset",
    "LOCKGATE_ADMIN_OIDC_ROLE_CLAIM": "the claim that says somebody's roles; roles when unset",
    "LOCKGATE_ADMIN_OIDC_ROLES": "which value makes which role, such as admin=platform;operator=on-call;viewer=staff",
    "LOCKGATE_ADMIN_OIDC_TENANTS_CLAIM": "the claim that says whose work somebody sees; when unset, everybody's",
    "LOCKGATE_ADMIN_PASSWORDS": "on (default), or off: then the OpenID provider is the only way in",
}


@dataclass(frozen=True, slots=True)
class OpenId:
    """An OpenID provider.

    Attributes:
        issuer: exactly as the provider calls itself.
        roles: of each value of the role claim, the role that it makes.
        tenants_claim: empty when everybody sees all tenants.
    """

    issuer: str
    client_id: str
    client_secret: Secret
    scope: str = "openid profile email"
    role_claim: str = "roles"
    roles: Mapping[str, str] = field(default_factory=lambda: {role: role for role in _ROLES})
    tenants_claim: str = ""


def openid(env: Mapping[str, str]) -> OpenId | None:
    """The provider that the environment names; None when it names none.

    Raises:
        ConfigError: something is missing or wrong.
    """
    given = {name: env.get(name, "").strip() for name in OPENID_NAMES}
    if not any(value for name, value in given.items() if name.startswith(_PREFIX)):
        return None
    for part in _NEEDED:
        if not given[_PREFIX + part]:
            raise ConfigError(f"{_PREFIX}{part} is not set: it is {OPENID_NAMES[_PREFIX + part]}")
    defaults = OpenId("", "", Secret(""))
    return OpenId(
        issuer=_issuer(given[_PREFIX + "ISSUER"]),
        client_id=given[_PREFIX + "CLIENT_ID"],
        client_secret=Secret(given[_PREFIX + "CLIENT_SECRET"]),
        scope=_scope(given[_PREFIX + "SCOPE"] or defaults.scope),
        role_claim=given[_PREFIX + "ROLE_CLAIM"] or defaults.role_claim,
        roles=_roles(given[_PREFIX + "ROLES"]) if given[_PREFIX + "ROLES"] else defaults.roles,
        tenants_claim=given[_PREFIX + "TENANTS_CLAIM"],
    )


def passwords(env: Mapping[str, str], found: OpenId | None) -> bool:
    """Whether people may sign in with a password.

    Raises:
        ConfigError: they may not, and there is no other way in.
    """
    value = env.get("LOCKGATE_ADMIN_PASSWORDS") or "on"
    if value not in {"on", "off"}:
        raise ConfigError(f"LOCKGATE_ADMIN_PASSWORDS is {value!r}; use on or off")
    if value == "off" and found is None:
        raise ConfigError(
            "LOCKGATE_ADMIN_PASSWORDS is off and no OpenID provider is named, so nobody could sign in: set "
            "LOCKGATE_ADMIN_OIDC_ISSUER, or leave passwords on"
        )
    return value == "on"


def _issuer(url: str) -> str:
    name = f"{_PREFIX}ISSUER"
    try:
        parts = urlsplit(url)
        unusual = parts.username or parts.query or parts.fragment or (parts.port == 0)
    except ValueError:
        raise ConfigError(f"{name}: {url!r} is not an address such as https://login.example.com") from None
    if parts.scheme not in {"http", "https"} or not parts.hostname or unusual:
        raise ConfigError(f"{name}: {url!r} is not an address such as https://login.example.com, without ? and #")
    if not private(url):
        raise ConfigError(f"{name}: over plain HTTP anybody between could sign in as whom they like: use https")
    return url


def _scope(text: str) -> str:
    parts = text.split()
    if "openid" not in parts or not all(_SCOPE.fullmatch(part) for part in parts):
        raise ConfigError(f"{_PREFIX}SCOPE is {text!r}: give words with spaces between, and openid among them")
    return " ".join(parts)


def _roles(text: str) -> dict[str, str]:
    """`role=value` with semicolons between; a value may hold anything else, for names of groups do."""
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(";"))):
        role, equals, value = (piece.strip() for piece in part.partition("="))
        if not equals or role not in _ROLES or not value:
            raise ConfigError(
                f"{_PREFIX}ROLES: {part!r} does not say which value makes which role: write "
                "admin=platform;operator=on-call;viewer=staff"
            )
        if found.setdefault(value, role) != role:
            raise ConfigError(f"{_PREFIX}ROLES: {value!r} cannot make {found[value]} and {role}: give it one role")
    return found
